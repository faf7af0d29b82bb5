import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KEY_LIFETIME_MS, RememberedCommands, printOf, timeOfKey } from './remembered.ts';

const AT_MS = Date.parse('2026-11-21T10:00:00.000Z');
const SECOND_MS = 1_000;

test('a day of a shop that has 50,000 commands is known, and takes no more than a snapshot holds', () => {
  const commands = new RememberedCommands(true);
  const ids = Array.from({ length: 2 * 50_000 }, () => randomUUID());
  const everyMs = KEY_LIFETIME_MS / 50_000;
  for (const [n, id] of ids.entries()) {
    const atMs = AT_MS + n * everyMs;
    commands.add(id, 'print', atMs, atMs);
  }
  const nowMs = AT_MS + (ids.length - 1) * everyMs;
  for (const known of [commands, RememberedCommands.unpack(commands.pack())]) {
    const unknown = ids.findLastIndex((id) => known.find(id, nowMs) === undefined);
    // The one that is a day old to the second may be either.
    assert.ok(unknown === 49_999 || unknown === 49_998, `${unknown}`);
  }
  assert.ok(Buffer.from(commands.pack(), 'base64').length < 1_000_000);
  assert.ok(commands.bytes < 8_000_000);
});

test('what is packed says the same again, whatever clocks did meanwhile', () => {
  const commands = new RememberedCommands(true);
  commands.add('first', 'a', AT_MS, AT_MS);
  commands.add('before', undefined, AT_MS - 90 * SECOND_MS, AT_MS);
  commands.add('later', 'b', AT_MS + 7 * 3_600 * SECOND_MS, AT_MS);
  const again = RememberedCommands.unpack(commands.pack());
  for (const id of ['first', 'before', 'later']) {
    assert.equal(again.find(id, AT_MS), commands.find(id, AT_MS), id);
  }
  assert.is(again.find('never', AT_MS), undefined);
  assert.is(again.find('first', AT_MS)!.print, printOf('a'));
  assert.is(again.find('before', AT_MS)!.print, printOf(undefined));
});

test('a server whose clock is days ahead makes nobody forget', () => {
  const commands = new RememberedCommands(true);
  commands.add('a key', 'a', AT_MS, AT_MS);
  commands.add('of the future', 'b', AT_MS + 5 * KEY_LIFETIME_MS, AT_MS + SECOND_MS);
  assert.ok(commands.find('a key', AT_MS + 2 * SECOND_MS));
});

test('only a UUID of version 7 tells its time', () => {
  assert.is(timeOfKey('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'), 0x017f22e279b0);
  assert.is(timeOfKey('017F22E2-79B0-7CC3-98C4-DC0C0C07398F'), 0x017f22e279b0);
  for (const other of [randomUUID(), '017f22e2-79b0-7cc3-18c4-dc0c0c07398f', 'a-stranger’s']) {
    assert.is(timeOfKey(other), undefined, other);
  }
});

test.run();
