import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { factOf, type Projection } from '../engine/projections/projection.ts';
import { RowChanges, createStatements } from '../engine/projections/rows.ts';
import { EVERY_EVENT } from '../test/every-event.ts';
import { PROJECTIONS } from './app.ts';

const DIGEST_LENGTH = 12;

/** What each read model makes of the same log, and the version that says so. */
const PINNED: Record<string, { version: number; digest: string }> = {
  catalogue: { version: 10, digest: '20d58ff1bb33' },
  cart: { version: 3, digest: 'cb9f3bfff1f2' },
  my_orders: { version: 10, digest: '2e0e75b363d6' },
  order_board: { version: 8, digest: '439815e487c2' },
  payments: { version: 4, digest: 'dee604240fa5' },
  invoices: { version: 5, digest: '40078b32553c' },
  slots: { version: 2, digest: '61c6b217b902' },
  history: { version: 4, digest: '15baa18980ac' },
  till: { version: 1, digest: '3a52b7a9c7d7' },
};

/** The same text for the same values, in whatever order a row and what is in it name them. */
const textOf = (row: unknown): string =>
  JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

/** A read model's tables, and the rows that it makes of a log. */
function digestOf({ tables, on }: Projection): string {
  const changes = new RowChanges();
  for (const event of EVERY_EVENT) {
    const fact = factOf(event);
    on[event.type]?.(fact, changes.at(fact));
  }
  const made = tables.flatMap((table) => [
    ...createStatements(table, 'schema'),
    ...[...changes.of(table).values()].map(({ row }) => textOf(row)),
  ]);
  return createHash('sha256').update(made.join('\n')).digest('hex').slice(0, DIGEST_LENGTH);
}

const test = suite('projections');

test('the log has every event that a read model hears of', () => {
  const types = new Set(EVERY_EVENT.map(({ type }) => type));
  const missing = PROJECTIONS.flatMap(({ on }) => Object.keys(on)).filter((t) => !types.has(t));
  assert.equal([...new Set(missing)], [], 'add them to test/every-event.ts');
});

for (const projection of PROJECTIONS) {
  const { name, version } = projection;
  test(`${name}: tables, handlers or a fold that changed have a new version`, () => {
    const digest = digestOf(projection);
    const pinned = PINNED[name];
    const advice =
      version === pinned?.version
        ? `${name} makes other rows: raise its version, or those that stand stay as they were; ` +
          `only where nothing but test/every-event.ts grew, pin '${digest}'`
        : `pin ${name} at { version: ${version}, digest: '${digest}' }`;
    assert.equal({ version, digest }, pinned, advice);
  });
}

test.run();
