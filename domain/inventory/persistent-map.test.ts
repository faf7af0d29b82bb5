import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PersistentMap } from './persistent-map.ts';

test('holds what a Map holds, whatever is put in and taken out', () => {
  const key = fc.integer({ min: 0, max: 40 }).map(String);
  const step = fc.tuple(key, fc.option(fc.integer(), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const expected = new Map<string, number>();
      let map: PersistentMap<number> = PersistentMap.empty;
      for (const [name, value] of steps) {
        if (value === undefined) expected.delete(name);
        else expected.set(name, value);
        map = value === undefined ? map.without(name) : map.with(name, value);
      }
      assert.is(map.size, expected.size);
      assert.equal(new Map(map), expected);
      for (const [name] of steps) assert.is(map.get(name), expected.get(name));
      assert.equal(new Map(PersistentMap.from(map)), expected);
    }),
  );
});

test('a change leaves the map before it as it was', () => {
  const before = PersistentMap.from([['a', 1]]);
  before.with('a', 2).with('b', 3).without('a');
  assert.equal([...before], [['a', 1]]);
  assert.is(before.without('z'), before);
});

test.run();
