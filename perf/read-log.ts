/** The ceiling of a replay: how fast the client alone reads `$all`. A process of its own. */
import { connectEventStore } from '../platform/event-store.ts';

const client = connectEventStore(process.env.EVENTSTORE_URL!);
let events = 0;
let startedMs = 0;
const all = client.readAll();
all.on('data', () => {
  if (events === 0) startedMs = performance.now();
  events += 1;
});
await new Promise((resolve, reject) => all.on('end', resolve).on('error', reject));
const tookMs = performance.now() - startedMs;
console.log(JSON.stringify({ events, eventsPerSecond: Math.round((events / tookMs) * 1000) }));
await client.dispose();
