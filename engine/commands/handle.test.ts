import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart, type CartCommand } from '../../domain/cart/cart.ts';
import { startParts } from '../../test/shop.ts';
import { readStream, type EventStore } from '../../platform/event-store.ts';
import type { Problem } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import { createHandler, type CommandContext } from './handle.ts';
import { as } from '../../test/write-api.ts';

const log = createLog('test', 'silent');

type Context = { client: EventStore; stop: () => Promise<void> };
const test = suite<Context>('handle');

test.before(async (context) => {
  Object.assign(context, await startParts());
});
test.after(({ stop }) => stop());

const open: CartCommand = { type: 'OpenCart', data: {} };
const set = (listingId: string, quantity: number): CartCommand => ({
  type: 'SetCartItem',
  data: { listingId, quantity },
});

async function eventsOf(client: EventStore, id: string): Promise<string[]> {
  const types: string[] = [];
  for await (const event of readStream(client, `cart-${id}`)) types.push(event.type);
  return types;
}

test('two servers at one stream: the loser reads what it lacks and decides again', async ({
  client,
}) => {
  const id = randomUUID();
  const [phone, laptop] = [createHandler(client, log), createHandler(client, log)];
  await phone.handle(cart, id, open, as());
  await laptop.handle(cart, id, set('a.1', 1), as());
  await phone.handle(cart, id, set('a.1', 2), as());
  const { state } = await laptop.handle(cart, id, set('b.1', 1), as());
  assert.equal(state.lines, [
    { listingId: 'a.1', quantity: 2 },
    { listingId: 'b.1', quantity: 1 },
  ]);
});

test('a decision without an event is not made on what another server has outdated', async ({
  client,
}) => {
  const id = randomUUID();
  const [phone, laptop] = [createHandler(client, log), createHandler(client, log)];
  await phone.handle(cart, id, open, as());
  await phone.handle(cart, id, set('a.1', 3), as());
  await laptop.handle(cart, id, set('a.1', 5), as());
  const { events, state } = await phone.handle(cart, id, set('a.1', 3), as());
  assert.equal(events, ['CartItemQuantityChanged']);
  assert.is(state.lines[0]?.quantity, 3);
});

test('a repeat at another server, or after a restart, gets the first outcome', async ({
  client,
}) => {
  const id = randomUUID();
  const context = as();
  await createHandler(client, log).handle(cart, id, open, as());
  const first = await createHandler(client, log).handle(cart, id, set('a.1', 1), context);
  const again = await createHandler(client, log).handle(cart, id, set('a.1', 1), context);
  assert.equal(again.events, []);
  assert.is(again.position, first.position);
  assert.equal(await eventsOf(client, id), ['CartOpened', 'ItemAddedToCart']);
});

test('a first command is appended unread, and decided anew where it was not the first', async ({
  client,
}) => {
  const id = randomUUID();
  const context = as();
  const begin = (to: CommandContext) => createHandler(client, log).handle(cart, id, open, to);
  const { position } = await begin(context);
  await createHandler(client, log).handle(cart, id, set('a.1', 1), as());
  assert.is((await begin(context)).position, position);
  const other = await begin(as());
  assert.equal([other.events, other.state.lines.length], [[], 1]);
  assert.equal(await eventsOf(client, id), ['CartOpened', 'ItemAddedToCart']);
});

test('a key that came with another request is refused by a server that never saw it', async ({
  client,
}) => {
  const id = randomUUID();
  const context = { ...as(), fingerprint: 'one request' };
  await createHandler(client, log).handle(cart, id, open, context);
  const other = { ...context, fingerprint: 'another request' };
  const asked = createHandler(client, log).handle(cart, id, open, other);
  const error = await asked.catch((refusal: unknown) => refusal);
  assert.is((error as Problem).code, 'IDEMPOTENCY_KEY_REUSED');
});

test('a command that changed nothing keeps its key, at every server', async ({ client }) => {
  const id = randomUUID();
  const [phone, laptop] = [createHandler(client, log), createHandler(client, log)];
  await phone.handle(cart, id, open, as());
  await phone.handle(cart, id, set('a.1', 3), as());
  const context = { ...as(), fingerprint: 'three of a.1' };
  const first = await phone.handle(cart, id, set('a.1', 3), context);
  assert.equal(first.events, []);
  await laptop.handle(cart, id, set('a.1', 4), as());
  const late = await phone.handle(cart, id, set('a.1', 3), context);
  assert.equal([late.events, late.state.lines], [[], [{ listingId: 'a.1', quantity: 4 }]]);
  const other = { ...context, fingerprint: 'five of a.1' };
  for (const { handle } of [phone, laptop, createHandler(client, log)]) {
    const error = await handle(cart, id, set('a.1', 5), other).catch((reason: unknown) => reason);
    assert.is((error as Problem).code, 'IDEMPOTENCY_KEY_REUSED');
  }
});

test('who looks while others look sees all that was there, and reads together', async ({
  client,
}) => {
  const id = randomUUID();
  const phone = createHandler(client, log);
  await phone.handle(cart, id, open, as());
  const [held, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let reads = 0;
  const slow = Object.create(client, {
    readStream: {
      async *value(...args: Parameters<EventStore['readStream']>) {
        reads += 1;
        const events = await Array.fromAsync(client.readStream(...args));
        answered.resolve();
        await held.promise;
        yield* events;
      },
    },
  }) as EventStore;
  const { load } = createHandler(slow, log);
  const early = load(cart, id, { fresh: true });
  await answered.promise;
  await phone.handle(cart, id, set('a.1', 2), as());
  const late = Array.from({ length: 64 }, () => load(cart, id, { fresh: true }));
  held.resolve();
  assert.equal((await early).lines, []);
  for (const { lines } of await Promise.all(late)) {
    assert.equal(lines, [{ listingId: 'a.1', quantity: 2 }]);
  }
  assert.is(reads, 2);
});

test('100 parallel repeats of one command make one event', async ({ client }) => {
  const id = randomUUID();
  const context = as();
  const handlers = [createHandler(client, log), createHandler(client, log)];
  await handlers[0]!.handle(cart, id, open, as());
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      handlers[i % 2]!.handle(cart, id, set('a.1', 4), context),
    ),
  );
  assert.is(new Set(outcomes.map(({ position }) => position)).size, 1);
  assert.equal(await eventsOf(client, id), ['CartOpened', 'ItemAddedToCart']);
});

test('events carry who, when, and because of what', async ({ client }) => {
  const id = randomUUID();
  const now = new Date('2026-11-21T10:00:00.000Z');
  const context = { ...as(), correlationId: 'request 7', actor: 'Asha' };
  await createHandler(client, log, () => now).handle(cart, id, open, context);
  for await (const { metadata, stream, revision } of readStream(client, `cart-${id}`)) {
    assert.is(stream, `cart-${id}`);
    assert.is(revision, 0n);
    assert.is(metadata.$correlationId, 'request 7');
    assert.is(metadata.$causationId, context.causationId);
    assert.is(metadata.commandId, context.commandId);
    assert.is(metadata.actor, 'Asha');
    assert.is(metadata.at, '2026-11-21T10:00:00.000Z');
    assert.is(metadata.schemaVersion, 1);
  }
});

test('one command that is refused does not fail those beside it', async ({ client }) => {
  const id = randomUUID();
  const { handle } = createHandler(client, log);
  const results = await Promise.allSettled([
    handle(cart, id, set('a.1', 1), as()),
    handle(cart, id, open, as()),
    handle(cart, id, set('a.1', 1), as()),
  ]);
  assert.equal(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
});

test.run();
