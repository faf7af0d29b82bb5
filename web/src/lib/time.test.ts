import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { age, calendarDay, clockTime } from './time.ts';

const time = suite('time');

time("tells India's time, wherever this runs", () => {
  assert.match(clockTime('2026-11-21T19:00:00Z'), /^12:30\sam$/i);
  assert.match(calendarDay('2026-11-21T19:00:00Z'), /Sun.*22.*Nov/);
});

time('counts an age in the largest useful words', () => {
  const at = '2026-11-21T10:00:00Z';
  const later = (minutes: number) => age(at, Date.parse(at) + minutes * 60_000);
  assert.is(later(0), 'now');
  assert.is(later(12), '12 min');
  assert.is(later(60), '1 h');
  assert.is(later(125), '2 h 5 min');
  assert.is(later(24 * 60), '1 day');
  assert.is(later(3 * 24 * 60), '3 days');
});

time('does not count backwards when a clock is wrong', () => {
  assert.is(age('2026-11-21T10:00:00Z', Date.parse('2026-11-21T09:00:00Z')), 'now');
});

time.run();
