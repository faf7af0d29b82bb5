/**
 * The event store as a process: HOST, PORT and DATA_DIR in, one line of JSON out when it listens,
 * gone on SIGTERM.
 */
import { startEventStore } from './server.ts';

const say = (level: 30 | 50 | 60, msg: string, fields: object = {}): void =>
  console.log(JSON.stringify({ level, time: Date.now(), name: 'event-store', ...fields, msg }));

const dir = process.env['DATA_DIR'];
if (!dir) throw new Error('DATA_DIR has to name the folder of the log.');
const store = await startEventStore({
  dir,
  host: process.env['HOST'] || '127.0.0.1',
  port: Number(process.env['PORT'] || 2113),
  damaged: (error) => say(50, 'a request came upon damage', { error }),
});
say(30, 'listening', { url: store.url, port: store.port });

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    void store.close().then(() => say(30, 'closed'));
  });

void store.failed.then((error) => {
  // After a failed write nobody knows what the disk holds. A restart reads it anew; going on would
  // guess.
  say(60, 'stopped: the log cannot be written', { error: error.message });
  process.exit(1);
});
