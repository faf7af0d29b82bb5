import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { counted, duration, table } from './format.ts';
import { progressLine } from './progress.ts';

test('a bar has its share, the count, the rate and the time left', () => {
  const line = progressLine('importing', 'rows', { done: 1_500, fraction: 0.25 }, 3_000);
  const bar = '██████░░░░░░░░░░░░░░░░░░';
  assert.is(line, `importing  ${bar}  25 %  1,500 rows  500/s  9.0 s left`);
});

test('of an unknown whole there is no share and no time left', () => {
  const line = progressLine('sending', 'bytes', { done: 2_000, fraction: undefined }, 1_000);
  assert.is(line, 'sending  2,000 bytes  2,000/s');
});

test('in its first moments there is no rate to go by', () => {
  const line = progressLine('importing', 'rows', { done: 1, fraction: 0.5 }, 10);
  assert.not.match(line, '/s');
});

test('durations are told in the two units that matter', () => {
  const texts = [0, 449, 12_000, 59_700, 185_000, 7_800_000, 270_000_000].map(duration);
  const right = ['0.0 s', '0.4 s', '12 s', '1 min 0 s', '3 min 5 s', '2 h 10 min', '3 d 3 h'];
  assert.equal(texts, right);
});

test('one is not many', () => {
  assert.equal([counted(1, 'event'), counted(2_000, 'event')], ['1 event', '2,000 events']);
});

test('a table aligns words left and figures right', () => {
  assert.equal(
    table([
      ['ok', '7', 'x'],
      ['DOWN', '1,234', ''],
    ]),
    ['ok        7  x', 'DOWN  1,234'],
  );
});

test.run();
