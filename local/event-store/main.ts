/**
 * The event store as a process: HOST, PORT and DATA_DIR in, one line of JSON out when it listens,
 * gone on SIGTERM. With EVENTSTORE_USERS (JSON: {"name":"password"}) it answers those only, with
 * TLS_CERTIFICATE_FILE and TLS_KEY_FILE (PEM) over TLS.
 */
import { readFileSync } from 'node:fs';
import { parseUsers } from './credentials.ts';
import { startEventStore } from './server.ts';

const say = (level: 30 | 60, msg: string, fields: object = {}): void =>
  console.log(JSON.stringify({ level, time: Date.now(), name: 'event-store', ...fields, msg }));

const dir = process.env['DATA_DIR'];
if (!dir) throw new Error('DATA_DIR has to name the folder of the log.');
const {
  EVENTSTORE_USERS: users,
  TLS_CERTIFICATE_FILE: certificate,
  TLS_KEY_FILE: key,
} = process.env;
if (!certificate !== !key) throw new Error('TLS needs both TLS_CERTIFICATE_FILE and TLS_KEY_FILE.');
const store = await startEventStore({
  dir,
  users: users ? parseUsers(users) : undefined,
  tls:
    certificate && key
      ? { certificate: readFileSync(certificate), key: readFileSync(key) }
      : undefined,
  host: process.env['HOST'] || '127.0.0.1',
  port: Number(process.env['PORT'] || 2113),
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
