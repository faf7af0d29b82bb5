import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import { connect, runCase, withCredentials, withOption, type Server } from './conformance/case.ts';
import { TOPICS } from './conformance/cases.ts';
import { startEventStore, type EventStore, type EventStoreOptions } from './server.ts';

const CERTIFICATE = join(import.meta.dirname, 'testing', 'certificate.pem');
const USER = 'asha:a%3Apass%20word%40home';

const test = suite('event store conformance');
const running: { store: EventStore; server: Server; dir: string }[] = [];

async function start(
  options: Omit<EventStoreOptions, 'dir'>,
  address: (url: string) => string = (url) => url,
): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
  const store = await startEventStore({ dir, ...options });
  const server = connect(address(store.url));
  running.push({ store, server, dir });
  return server;
}

let open: Server;
let guarded: Server;
test.before(async () => {
  open = await start({});
  const tls = {
    certificate: readFileSync(CERTIFICATE),
    key: readFileSync(join(import.meta.dirname, 'testing', 'key.pem')),
  };
  guarded = await start(
    // The client's TLS takes no bare IP address.
    { host: 'localhost', tls, users: { ravi: 'other', asha: 'a:pass word@home' } },
    (url) => withOption(withCredentials(url, USER), `tlsCAFile=${encodeURIComponent(CERTIFICATE)}`),
  );
});
test.after(async () => {
  for (const { store, server, dir } of running) {
    await server.client.dispose();
    await store.close();
    rmSync(dir, { recursive: true });
  }
});

// The local store can do all of it, so that what is skipped elsewhere fails here.
for (const [topic, cases] of Object.entries(TOPICS))
  for (const [name, run] of Object.entries(cases))
    test(`${topic}: ${name}`, () => runCase(run, topic === 'credentials' ? guarded : open));

// What the other topics do most, once more over TLS and with credentials.
for (const [name, run] of Object.entries(TOPICS['appends']!))
  test(`with users, appends: ${name}`, () => runCase(run, guarded));

test.run();
