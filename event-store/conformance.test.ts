import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  connect,
  meet,
  refused,
  runCase,
  Skipped,
  withCredentials,
  withOption,
  type Server,
} from './conformance/case.ts';
import { TOPICS } from './conformance/cases.ts';
import { startEventStore } from './server.ts';
import { startCluster } from './testing/cluster.ts';

const CERTIFICATE = join(import.meta.dirname, 'testing', 'certificate.pem');
const KEY = join(import.meta.dirname, 'testing', 'key.pem');

const test = suite('event store conformance');
const cleanup: (() => Promise<unknown>)[] = [];
test.after(async () => {
  for (const step of cleanup.toReversed()) await step();
});

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
  cleanup.push(async () => rmSync(dir, { recursive: true }));
  return dir;
}

/** What a process says that it listens at. */
async function addressOf(output: Readable): Promise<string> {
  for await (const line of createInterface({ input: output }))
    return (JSON.parse(line) as { url: string }).url;
  throw new Error('The event store ended before it listened.');
}

/** Lets everybody in. */
async function startOpen(): Promise<Server> {
  const store = await startEventStore({ dir: temporaryFolder() });
  cleanup.push(() => store.close());
  const server = connect(store.url);
  cleanup.push(() => server.client.dispose());
  return server;
}

/** A process with users and TLS. */
async function startGuarded(): Promise<Server> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: {
      ...process.env,
      DATA_DIR: temporaryFolder(),
      PORT: '0',
      // The client's TLS takes no bare IP address.
      HOST: 'localhost',
      EVENTSTORE_USERS: JSON.stringify({ ravi: 'other', asha: 'a:pass word@home' }),
      TLS_CERTIFICATE_FILE: CERTIFICATE,
      TLS_KEY_FILE: KEY,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  cleanup.push(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const url = await addressOf(child.stdout);
  const asUser = withCredentials(url, 'asha:a%3Apass%20word%40home');
  const server = connect(withOption(asUser, `tlsCAFile=${encodeURIComponent(CERTIFICATE)}`));
  cleanup.push(() => server.client.dispose());
  return server;
}

/** Three nodes in front of a store. */
async function startThree(): Promise<Server> {
  const store = await startEventStore({ dir: temporaryFolder() });
  cleanup.push(() => store.close());
  const cluster = await startCluster(store.port);
  cleanup.push(() => cluster.close());
  const server = connect(cluster.url);
  cleanup.push(() => server.client.dispose());
  return server;
}

let open: Server;
let ofThree: Server;
let guarded: Server;
test.before(async () => {
  open = await startOpen();
  ofThree = await startThree();
  guarded = await startGuarded();
});

// The local store can do all of it, so that what is skipped elsewhere fails here. A cluster it only
// plays.
const { cluster, ...ofOneNode } = TOPICS;
for (const [name, run] of Object.entries(cluster!))
  test(`cluster: ${name}`, async () => {
    await refused(runCase(run, open), Skipped);
    await runCase(run, ofThree);
  });
for (const [topic, cases] of Object.entries(ofOneNode))
  for (const [name, run] of Object.entries(cases))
    test(`${topic}: ${name}`, () => runCase(run, topic === 'credentials' ? guarded : open));

// What the other topics do most, once more over TLS and with credentials.
for (const [name, run] of Object.entries(TOPICS['appends']!))
  test(`with users, appends: ${name}`, () => runCase(run, guarded));

test('a server says which one it is', async () => {
  for (const server of [open, guarded]) {
    const { version, nodes } = await meet(server.client);
    assert.is(version, '24.10.4-local');
    assert.equal(
      nodes.map(({ state }) => state),
      ['leader'],
    );
  }
});

test.run();
