/** Handles one event of $all a second, and says so. The URL of the event store as argument. */
import { setTimeout as delay } from 'node:timers/promises';
import { EventStoreDBClient, START } from '@eventstore/db-client';

const HANDLE_MS = 1_000;

const [url = ''] = process.argv.slice(2);
const client = EventStoreDBClient.connectionString(url);
for await (const { event } of client.subscribeToAll({ fromPosition: START })) {
  console.log(event?.position.commit.toString());
  await delay(HANDLE_MS);
}
