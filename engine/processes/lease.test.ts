import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nextMove, RunningTerm, type Owner } from './lease.ts';

const me = { holder: 'here', boot: 'second' };
const meBefore = { holder: 'here', boot: 'first' };
const other = { holder: 'there', boot: 'third' };

/** What a process does that has seen this newest event for so long. */
const moveAfter = (
  what: 'Taken' | 'Asked' | 'Kept' | 'Released',
  owner: Owner,
  unchangedMs: number,
  isFirstLook = false,
) => nextMove({ type: `ReactorLease${what}`, ...owner }, me, { unchangedMs, isFirstLook });

test('what nobody has is taken at once', () => {
  assert.is(nextMove(undefined, me, { unchangedMs: 0, isFirstLook: true }), 'take');
  assert.is(moveAfter('Released', other, 0), 'take');
});

test('a holder is asked from time to time, and followed where it does not answer', () => {
  for (const what of ['Taken', 'Kept'] as const) {
    assert.is(moveAfter(what, other, 0), 'wait');
    assert.is(moveAfter(what, other, 60_000), 'ask');
  }
  assert.is(moveAfter('Asked', other, 2_400), 'wait');
  assert.is(moveAfter('Asked', other, 2_600), 'take');
});

test('a process that was started again takes over from itself at once, and only then', () => {
  for (const what of ['Taken', 'Kept', 'Asked'] as const) {
    assert.is(moveAfter(what, meBefore, 0, true), 'take');
    assert.is(moveAfter(what, meBefore, 0), 'wait');
    assert.is(moveAfter(what, me, 0), 'take');
    assert.is(moveAfter(what, other, 0, true), 'wait');
  }
});

test('a holder has stopped before anybody may follow, wherever it was frozen', () => {
  let now = 10_000;
  const term = new RunningTerm(now, () => now);
  now += 1_400;
  assert.ok(term.isHeld());
  term.prolong(now);
  now += 1_400;
  assert.ok(term.isHeld());
  // Here it wakes, and what was due meanwhile comes before any timer of the lease.
  now += 60_000;
  assert.not.ok(term.signal.aborted);
  assert.not.ok(term.isHeld());
  assert.ok(term.signal.aborted);
  term.prolong(now);
  assert.not.ok(term.isHeld(), 'what is over is not prolonged');
});

test('a term is over by itself where nobody asks whether it is held', async () => {
  const atMs = performance.now();
  const { signal } = new RunningTerm(atMs - 1_490, () => performance.now());
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  assert.ok(performance.now() >= atMs + 10);
});

test.run();
