import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type Server } from './conformance/case.ts';
import { play, scenarios, type Difference, type Scenario } from './conformance/recorded.ts';
import { startEventStore, type EventStore } from './server.ts';

const test = suite('recorded answers of EventStoreDB 24.10.4');
/** Each of its own: reads of $all are bounded, and other scenarios write meanwhile. */
const STORES = 4;
const SIDE_BY_SIDE = 8;

const running: { store: EventStore; server: Server; dir: string }[] = [];
test.before(async () => {
  for (let at = 0; at < STORES; at += 1) {
    const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
    const store = await startEventStore({ dir });
    running.push({ store, server: connect(store.url), dir });
  }
});
test.after(async () => {
  for (const { store, server, dir } of running) {
    await server.client.dispose();
    await store.close();
    rmSync(dir, { recursive: true });
  }
});

/** By the id of each scenario that was answered otherwise, the steps in which it was. */
async function playAll(all: Scenario[], sideBySide: number): Promise<Map<string, Difference[]>> {
  const queue = [...all];
  const found = new Map<string, Difference[]>();
  const lane = async ({ server }: { server: Server }): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const differences = await play(server.client, next);
      if (differences.length > 0) found.set(next.id, differences);
    }
  };
  await Promise.all(running.flatMap((on) => Array.from({ length: sideBySide }, () => lane(on))));
  return found;
}

/** The ids that README.md gives a reason for. */
function onPurpose(): string[] {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const [, section = ''] = readme.split('### Recorded scenarios that it answers otherwise');
  const rows = section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) =>
    [...row.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(([, id]) => id!),
  );
}

test('every scenario is answered as recorded, but for those that the README names', async () => {
  const all = scenarios();
  const found = await playAll(
    all.filter(({ alone }) => !alone),
    SIDE_BY_SIDE,
  );
  for (const [id, steps] of await playAll(
    all.filter(({ alone }) => alone),
    1,
  ))
    found.set(id, steps);
  const expected = new Set(onPurpose());
  // What watches for a time may come out short on a machine that is busy with other things.
  const again = all.filter(({ id }) => found.has(id) && !expected.has(id));
  const unexpected = await playAll(again, 1);
  for (const [id, steps] of unexpected)
    for (const { step, recorded, answered } of steps)
      console.error(`${id}: ${JSON.stringify({ step, recorded, answered }, null, 1)}`);
  assert.equal([...unexpected.keys()], [], 'answered otherwise');
  assert.equal(
    [...expected].filter((id) => !found.has(id)),
    [],
    'on purpose otherwise, but as it was recorded',
  );
});

test.run();
