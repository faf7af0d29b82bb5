import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OF_THE_SHOP } from './drills.ts';

const test = suite('drills of the shop');

for (const { name, run } of OF_THE_SHOP) {
  test(`${name}: what the shop promises holds`, async () => {
    const report = await run({ extent: 'short' });
    if ('skipped' in report) return;
    console.log(name, report.numbers);
    assert.equal(report.faults, []);
  });
}

test.run();
