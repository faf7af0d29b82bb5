/**
 * Tries any EventStoreDB by the cases of the conformance suite:
 *   node event-store/conformance.ts esdb://admin:changeit@localhost:2113?tls=false [TOPIC …]
 * Exits with 1 if a case failed, with 2 if the address is missing.
 */
import { connect, runCase, Skipped } from './conformance/case.ts';
import { TOPICS } from './conformance/cases.ts';

const [url, ...named] = process.argv.slice(2);
const unknown = named.filter((topic) => !(topic in TOPICS));
if (!url?.startsWith('esdb') || unknown.length > 0) {
  const topics = Object.keys(TOPICS).join(', ');
  console.error(`Usage: npm run test:event-store -- esdb://HOST:PORT [TOPIC …]\nTopics: ${topics}`);
  process.exit(2);
}

const server = connect(url);
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
// A case that failed may have left a read open, for which the client would wait.
process.exit(count.failed > 0 ? 1 : 0);
