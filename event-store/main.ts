/**
 * The event store as a process: HOST, PORT and DATA_DIR in, one line of JSON out when it listens,
 * gone on SIGTERM. With EVENTSTORE_USERS (JSON: {"name":"password"}) it answers those only, with
 * TLS_CERTIFICATE_FILE and TLS_KEY_FILE (PEM) over TLS. `--no-sync` acknowledges what is not on disk:
 * perf holds the store against that.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { parseUsers } from './credentials.ts';
import { startEventStore, type EventStore } from './server.ts';

const DEFAULT_PORT = 2113;
const LAST_PORT = 65_535;

const say = (level: 30 | 50 | 60, msg: string, fields: object = {}): void =>
  console.log(JSON.stringify({ level, time: Date.now(), name: 'event-store', ...fields, msg }));

/** From the variables of this process. Throws an Error that says what is wrong with them. */
async function start(): Promise<EventStore> {
  const dir = process.env['DATA_DIR'];
  if (!dir) throw new Error('DATA_DIR has to name the folder of the log.');
  const {
    EVENTSTORE_USERS: users,
    TLS_CERTIFICATE_FILE: certificate,
    TLS_KEY_FILE: key,
  } = process.env;
  if (!certificate !== !key)
    throw new Error('TLS needs both TLS_CERTIFICATE_FILE and TLS_KEY_FILE.');
  const port = Number(process.env['PORT'] || DEFAULT_PORT);
  if (!(Number.isInteger(port) && port >= 0 && port <= LAST_PORT))
    throw new Error(`PORT has to be a number up to ${LAST_PORT}; 0 is any port that is free.`);
  const noSync = process.argv.includes('--no-sync');
  const isScratch = !existsSync(dir) || readdirSync(dir).length === 0;
  if (noSync && !(process.env['PERF'] && isScratch))
    throw new Error(
      '--no-sync loses acknowledged events: it is for `npm run perf`, in empty folders.',
    );
  return startEventStore({
    dir,
    noSync,
    users: users ? parseUsers(users) : undefined,
    tls:
      certificate && key
        ? { certificate: readFileSync(certificate), key: readFileSync(key) }
        : undefined,
    host: process.env['HOST'] || '127.0.0.1',
    port,
    damaged: (error) => say(50, 'a request came upon damage', { error }),
  });
}

const store = await start().catch((error: Error) => {
  console.error(`The event store did not start: ${error.message}`);
  process.exit(1);
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
