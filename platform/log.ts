import { pino, type Logger } from 'pino';

export type { Logger };

/** JSON lines on stdout: whoever runs the process decides where they go. */
export const createLog = (room: string, level = 'info'): Logger =>
  pino({
    level,
    base: { room },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Names, phones and addresses arrive in bodies, passes in headers: neither belongs in a log.
    redact: [
      'req.headers.authorization',
      'req.headers.cookie',
      'req.body',
      '*.contact',
      '*.address',
    ],
  });
