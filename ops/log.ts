import { pino } from 'pino';
import type { Logger } from '../platform/log.ts';

const NAMES: Record<number, string> = { 40: 'warning', 50: 'error', 60: 'error' };

/** What the rooms' own code would log, as lines for a person: stdout is for results. */
export const operatorLog = (say: (line: string) => void = console.error): Logger =>
  pino(
    { level: 'warn', base: null },
    {
      write(json: string) {
        const { level, msg, err } = JSON.parse(json) as {
          level: number;
          msg: string;
          err?: { message: string };
        };
        say(`${NAMES[level] ?? 'note'}: ${msg}${err ? ` (${err.message})` : ''}`);
      },
    },
  );
