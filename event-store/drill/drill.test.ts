import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DRILLS } from './drills.ts';

const test = suite('drills');

for (const { name, run, cheats } of DRILLS) {
  test(`${name}: what the event store promises holds`, async () => {
    const report = await run({ extent: 'short' });
    if ('skipped' in report) return console.log(`skipped: ${name}: ${report.skipped}`);
    assert.equal(report.faults, [], JSON.stringify(report.numbers));
  });

  for (const cheat of cheats)
    test(`${name}: a store that ${cheat.replaceAll('-', ' ')} is found out`, async () => {
      const report = await run({ extent: 'short', cheat });
      assert.ok('skipped' in report || report.faults.length > 0, JSON.stringify(report));
    });
}

test.run();
