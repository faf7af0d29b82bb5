import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient } from '@eventstore/db-client';
import { suite } from 'uvu';
import { persistent } from './conformance/persistent.ts';
import { startEventStore, type EventStore } from './server.ts';

const test = suite('persistent subscriptions');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
let store: EventStore;
let client: EventStoreDBClient;

test.before(async () => {
  store = await startEventStore({ dir });
  client = EventStoreDBClient.connectionString(store.url);
});
test.after(async () => {
  await client.dispose();
  await store.close();
  rmSync(dir, { recursive: true });
});

const newStream = (category = 'test'): string => `${category}-${randomUUID()}`;
for (const [sentence, run] of Object.entries(persistent))
  test(sentence, () => run({ client, url: store.url, newStream }));

test.run();
