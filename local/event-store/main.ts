/**
 * The event store as a process: HOST, PORT and DATA_DIR in, one line of JSON out when it listens,
 * gone on SIGTERM. With EVENTSTORE_USERS (JSON: {"name":"password"}) it answers those only, with
 * TLS_CERTIFICATE_FILE and TLS_KEY_FILE (PEM) over TLS. `--no-sync` acknowledges what is not on disk:
 * perf holds the store against that.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { parseUsers } from './credentials.ts';
import { startEventStore } from './server.ts';

const say = (level: 30 | 50 | 60, msg: string, fields: object = {}): void =>
  console.log(JSON.stringify({ level, time: Date.now(), name: 'event-store', ...fields, msg }));

const dir = process.env['DATA_DIR'];
if (!dir) throw new Error('DATA_DIR has to name the folder of the log.');
const {
  EVENTSTORE_USERS: users,
  TLS_CERTIFICATE_FILE: certificate,
  TLS_KEY_FILE: key,
} = process.env;
if (!certificate !== !key) throw new Error('TLS needs both TLS_CERTIFICATE_FILE and TLS_KEY_FILE.');
const noSync = process.argv.includes('--no-sync');
const isScratch = !existsSync(dir) || readdirSync(dir).length === 0;
if (noSync && !(process.env['PERF'] && isScratch))
  throw new Error(
    '--no-sync loses acknowledged events: it is for `npm run perf`, in empty folders.',
  );
const store = await startEventStore({
  dir,
  noSync,
  users: users ? parseUsers(users) : undefined,
  tls:
    certificate && key
      ? { certificate: readFileSync(certificate), key: readFileSync(key) }
      : undefined,
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
