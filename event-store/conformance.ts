/**
 * Tries any EventStoreDB by the cases of the conformance suite:
 *   node event-store/conformance.ts esdb://admin:changeit@localhost:2113?tls=false [TOPIC …]
 * Exits with 1 if a case failed, with 2 if the address is missing.
 */
import { connect, meet, runCase, Skipped } from './conformance/case.ts';
import { TOPICS } from './conformance/cases.ts';

const [url, ...named] = process.argv.slice(2);
const unknown = named.filter((topic) => !(topic in TOPICS));
if (!url?.startsWith('esdb') || unknown.length > 0) {
  const topics = Object.keys(TOPICS).join(', ');
  console.error(`Usage: npm run test:event-store -- esdb://HOST:PORT [TOPIC …]\nTopics: ${topics}`);
  process.exit(2);
}

// The client throws, outside of every promise, at an answer that nobody waits for any more.
let unheard = 0;
for (const kind of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(kind, (error) => {
    unheard += 1;
    console.log(`  ! the client threw where nobody listens: ${String(error)}`);
  });

const server = connect(url);
const met = await meet(server.client).catch((error: unknown) => {
  console.error(`No EventStoreDB answers at this address: ${String(error)}`);
  process.exit(1);
});
const nodes = met.nodes.map(({ address, port, state }) => `${address}:${port} (${state})`);
console.log(`EventStoreDB ${met.version}, ${nodes.length} alive: ${nodes.join(', ')}`);
const count = { passed: 0, failed: 0, skipped: 0 };
for (const topic of named.length > 0 ? named : Object.keys(TOPICS)) {
  console.log(`\n${topic}`);
  for (const [name, run] of Object.entries(TOPICS[topic]!)) {
    try {
      await runCase(run, server);
      count.passed += 1;
      console.log(`  ✓ ${name}`);
    } catch (error) {
      if (error instanceof Skipped) {
        count.skipped += 1;
        console.log(`  – ${name}: skipped, ${error.message}`);
      } else {
        count.failed += 1;
        console.log(`  ✗ ${name}\n      ${String(error).replaceAll('\n', '\n      ')}`);
      }
    }
  }
}
console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
if (unheard > 0) console.log(`The client threw ${unheard} times where nobody listens.`);
// A case that failed may have left a read open, for which the client would wait.
process.exit(count.failed > 0 ? 1 : 0);
