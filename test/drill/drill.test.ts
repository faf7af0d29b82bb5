import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OF_SHOP } from './drills.ts';

const test = suite('drills of a shop');

for (const { name, run } of OF_SHOP) {
  test(`${name}: what a shop promises holds`, async () => {
    const report = await run({ extent: 'short' });
    assert.ok(!('skipped' in report));
    assert.equal(report.faults, [], JSON.stringify(report.numbers));
  });
}

test.run();
