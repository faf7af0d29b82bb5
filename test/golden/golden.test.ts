/**
 * What stands in shops' logs, in every version that it was ever written in: `CATEGORY.json` beside
 * this file, by event and version. `stored` is as it was written and is never changed; `read` is
 * what the present code makes of it. An event whose shape changes needs a new version here, and an
 * upcaster in its decider.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DECIDERS } from '../../domain/deciders.ts';
import { upcasterOf, writtenAs } from '../../engine/upcast.ts';
import { EXAMPLES } from './examples.ts';
import { otherShape } from './shape.ts';

type Case = { stored: object; read?: object };
type Golden = Record<string, Record<string, Case[]>>;

const upcast = upcasterOf(DECIDERS);

const goldenOf = (category: string): Golden =>
  JSON.parse(readFileSync(join(import.meta.dirname, `${category}.json`), 'utf8')) as Golden;

/** Every event of every decider, with the version that its decider reads last. */
const EVENTS = DECIDERS.flatMap(({ category, evolve, ...decider }) =>
  Object.keys(evolve).map((type) => {
    const upcasters = ('upcast' in decider ? decider.upcast : {}) as Record<string, unknown[]>;
    const example: object = EXAMPLES[type as keyof typeof EXAMPLES];
    const golden = goldenOf(category)[type] ?? {};
    return { category, type, example, golden, newest: (upcasters[type]?.length ?? 0) + 1 };
  }),
);

test('every event is here in each of its versions, and no other is', () => {
  for (const { type, golden, newest } of EVENTS) {
    const versions = Array.from({ length: newest }, (_, index) => String(index + 1));
    assert.equal(Object.keys(golden), versions, `versions of ${type}`);
  }
  assert.equal(Object.keys(EXAMPLES).toSorted(), EVENTS.map(({ type }) => type).toSorted());
  for (const { category, evolve } of DECIDERS) {
    assert.equal(Object.keys(goldenOf(category)).toSorted(), Object.keys(evolve).toSorted());
  }
});

test('the newest version has the shape that is written today', () => {
  for (const { category, type, example, golden, newest } of EVENTS) {
    const [written] = golden[newest]!;
    assert.equal(
      written!.stored,
      example,
      `${type} has another shape than version ${newest} in ${category}.json: leave that as it is, ` +
        `and make version ${newest + 1}, here and with an upcaster in its decider`,
    );
  }
});

test('what older releases wrote is read as it is written today', () => {
  for (const { category, type, example, golden, newest } of EVENTS) {
    for (const [version, cases] of Object.entries(golden)) {
      for (const { stored, read = stored } of cases) {
        const about = `version ${version} of ${type}`;
        const event = { type, stream: `${category}-1` };
        assert.equal(upcast(event, Number(version), structuredClone(stored)), read, about);
        assert.is(otherShape(example, read), undefined, about);
        if (Number(version) < newest) assert.is.not(read, stored, `${about} has a "read"`);
      }
    }
  }
});

test('an event that is held back says in its older version what the newest one reads', () => {
  for (const decider of DECIDERS) {
    for (const type of Object.keys('heldBack' in decider ? (decider.heldBack as object) : {})) {
      const { newest, golden } = EVENTS.find((event) => event.type === type)!;
      const data = EXAMPLES[type as keyof typeof EXAMPLES];
      const { schemaVersion, data: older, read } = writtenAs(decider, { type, data });
      assert.is(schemaVersion, newest - 1);
      assert.is(otherShape(golden[schemaVersion]![0]!.stored, older), undefined);
      assert.is(otherShape(data, read.data), undefined);
    }
  }
});

test('a shape that changed is told', () => {
  const { OrderPlaced: placed } = EXAMPLES;
  const [storeOrder] = placed.parts;
  const changed = (change: object) =>
    otherShape(placed, { ...placed, parts: [{ ...storeOrder, ...change }] });
  assert.is(changed({}), undefined);
  assert.is(changed({ slot: null }), undefined);
  assert.is(changed({ floor: 3 }), 'data.parts[0].floor is new');
  assert.is(changed({ feePaise: '25.00' }), 'data.parts[0].feePaise is a string');
  assert.is(changed({ lines: storeOrder.lines[0] }), 'data.parts[0].lines is a list, or is none');
});

test.run();
