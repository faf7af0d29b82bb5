import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { askAgain, knownSession, renewIfOld } from './session.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A browser's memory, as far as it is used here. */
class Memory {
  readonly #values = new Map<string, string>();
  getItem = (key: string) => this.#values.get(key) ?? null;
  setItem = (key: string, value: string) => void this.#values.set(key, value);
  removeItem = (key: string) => void this.#values.delete(key);
}

const test = suite('session');
test.before.each(() => {
  Object.assign(globalThis, { document: {}, localStorage: new Memory() });
});
test.after.each(() => {
  for (const name of ['document', 'localStorage']) Reflect.deleteProperty(globalThis, name);
});

function counting() {
  const asked: string[] = [];
  const ask = async (path: string) => void asked.push(path);
  return { asked, ask };
}

test('of several that need a session at once one asks for it', async () => {
  const { asked, ask } = counting();
  const since = knownSession();
  await Promise.all(Array.from({ length: 5 }, () => askAgain(since, ask)));
  assert.equal(asked, ['/api/write/session']);
  await askAgain(knownSession(), ask);
  assert.is(asked.length, 2, 'and whoever was refused with that one asks again');
});

test('one who could not ask leaves it to the next', async () => {
  const { asked, ask } = counting();
  const since = knownSession();
  const failed = askAgain(since, async () => {
    throw new Error('no answer');
  });
  const next = askAgain(since, ask);
  await failed.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'no answer'),
  );
  await next;
  assert.is(asked.length, 1);
});

test('a session that grows old is asked for once more, and no other', async () => {
  const { asked, ask } = counting();
  const later = Date.now() + 31 * DAY_MS;
  await renewIfOld(ask, later);
  assert.equal(asked, [], 'who has none yet may never need one');
  await askAgain(null, ask);
  await renewIfOld(ask);
  assert.is(asked.length, 1);
  await renewIfOld(ask, later);
  assert.is(asked.length, 2);
});

test.run();
