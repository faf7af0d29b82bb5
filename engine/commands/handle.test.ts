import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cart, type CartCommand } from '../../domain/cart/cart.ts';
import { inventory, itemOf, type InventoryCommand } from '../../domain/inventory/inventory.ts';
import { startParts } from '../../test/shop.ts';
import { append, readStream, type EventStore } from '../../platform/event-store.ts';
import type { Problem } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import { noteDropped, readParking } from '../parking.ts';
import { createHandler, type CommandContext } from './handle.ts';
import { as } from '../../test/write-api.ts';
import { wallClock } from '../../test/clock.ts';

const log = createLog('test', 'silent');

type Context = { client: EventStore; stop: () => Promise<void> };
const test = suite<Context>('handle');

test.before(async (context) => {
  Object.assign(context, await startParts());
});
test.after(({ stop }) => stop());

const open: CartCommand = { type: 'OpenCart', data: { shopper: null } };
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
  const [phone, laptop] = [
    createHandler(client, log, wallClock),
    createHandler(client, log, wallClock),
  ];
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
  const [phone, laptop] = [
    createHandler(client, log, wallClock),
    createHandler(client, log, wallClock),
  ];
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
  await createHandler(client, log, wallClock).handle(cart, id, open, as());
  const first = await createHandler(client, log, wallClock).handle(
    cart,
    id,
    set('a.1', 1),
    context,
  );
  const again = await createHandler(client, log, wallClock).handle(
    cart,
    id,
    set('a.1', 1),
    context,
  );
  assert.equal(again.events, []);
  assert.is(again.position, first.position);
  assert.equal(await eventsOf(client, id), ['CartOpened', 'ItemAddedToCart']);
});

test('a first command is appended unread, and decided anew where it was not the first', async ({
  client,
}) => {
  const id = randomUUID();
  const context = as();
  const begin = (to: CommandContext) =>
    createHandler(client, log, wallClock).handle(cart, id, open, to);
  const { position } = await begin(context);
  await createHandler(client, log, wallClock).handle(cart, id, set('a.1', 1), as());
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
  await createHandler(client, log, wallClock).handle(cart, id, open, context);
  const other = { ...context, fingerprint: 'another request' };
  const asked = createHandler(client, log, wallClock).handle(cart, id, open, other);
  const error = await asked.catch((refusal: unknown) => refusal);
  assert.is((error as Problem).code, 'IDEMPOTENCY_KEY_REUSED');
});

test('a command that changed nothing keeps its key, at every server', async ({ client }) => {
  const id = randomUUID();
  const [phone, laptop] = [
    createHandler(client, log, wallClock),
    createHandler(client, log, wallClock),
  ];
  await phone.handle(cart, id, open, as());
  await phone.handle(cart, id, set('a.1', 3), as());
  const context = { ...as(), fingerprint: 'three of a.1' };
  const first = await phone.handle(cart, id, set('a.1', 3), context);
  assert.equal(first.events, []);
  await laptop.handle(cart, id, set('a.1', 4), as());
  const late = await phone.handle(cart, id, set('a.1', 3), context);
  assert.equal([late.events, late.state.lines], [[], [{ listingId: 'a.1', quantity: 4 }]]);
  const other = { ...context, fingerprint: 'five of a.1' };
  for (const { handle } of [phone, laptop, createHandler(client, log, wallClock)]) {
    const error = await handle(cart, id, set('a.1', 5), other).catch((reason: unknown) => reason);
    assert.is((error as Problem).code, 'IDEMPOTENCY_KEY_REUSED');
  }
});

test('who looks while others look sees all that was there, and reads together', async ({
  client,
}) => {
  const id = randomUUID();
  const phone = createHandler(client, log, wallClock);
  await phone.handle(cart, id, open, as());
  const [held, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let reads = 0;
  const slow = Object.create(client, {
    readEvents: {
      async *value(...args: Parameters<EventStore['readEvents']>) {
        reads += 1;
        const events = await Array.fromAsync(client.readEvents(...args));
        answered.resolve();
        await held.promise;
        yield* events;
      },
    },
  }) as EventStore;
  const { load } = createHandler(slow, log, wallClock);
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
  const handlers = [createHandler(client, log, wallClock), createHandler(client, log, wallClock)];
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
    assert.is(metadata.schemaVersion, 2);
  }
});

/** An event as somebody put it there by hand. */
async function plant(client: EventStore, id: string, type: string, data: unknown, after: bigint) {
  const { correlationId, causationId, ...rest } = as();
  const about = { ...rest, $correlationId: correlationId, $causationId: causationId };
  const metadata = { ...about, at: new Date().toISOString(), schemaVersion: 1 };
  const event = { id: randomUUID(), type, data: data as object, metadata };
  await append(client, `cart-${id}`, [event], after);
  return event.id;
}

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'done',
    (error: Problem) => error.code,
  );

test('an event that cannot be read stops its own stream and no other, until it is dropped', async ({
  client,
}) => {
  for (const [type, data] of [
    ['ItemAddedToCart', { listingId: 'a.1' }],
    ['ItemAddedToCart', null],
    ['CartItemQuantityChanged', { listingId: 'a.1', quantity: '3' }],
    ['OrderPlaced', {}],
    ['toString', {}],
  ] as const) {
    const id = randomUUID();
    const [phone, laptop] = [
      createHandler(client, log, wallClock),
      createHandler(client, log, wallClock),
    ];
    await phone.handle(cart, id, open, as());
    const eventId = await plant(client, id, type, data, 0n);
    const context = as();
    for (const { handle, load } of [phone, laptop, phone]) {
      assert.is(await codeOf(handle(cart, id, set('b.1', 1), context)), 'STREAM_DAMAGED', type);
      assert.is(await codeOf(load(cart, id, { fresh: true })), 'STREAM_DAMAGED', type);
    }
    await phone.handle(cart, randomUUID(), open, as());
    const { parked } = await readParking(client);
    const named = parked.filter((event) => event.eventId === eventId);
    assert.equal(
      named.map(({ by, stream, revision }) => [by, stream, revision]),
      [['commands', `cart-${id}`, '1']],
    );
    const drop = { eventId, stream: `cart-${id}`, revision: '1', type, reason: 'a test' };
    await noteDropped(client, { ...drop, isFolded: false }, 'test');
    await phone.handle(cart, id, set('b.1', 1), context);
    const again = await laptop.handle(cart, id, set('b.1', 1), context);
    assert.equal([again.events, again.state.lines], [[], [{ listingId: 'b.1', quantity: 1 }]]);
  }
});

const receive = (quantity: number): InventoryCommand => ({
  type: 'ReceiveStock',
  data: { lines: [{ sku: 'a', quantity }] },
});

test('however many commands come between, a key is known for 24 hours, and then it is new', async ({
  client,
}) => {
  const startMs = Date.parse('2026-11-21T10:00:00.000Z');
  let nowMs = startMs;
  const server = () => createHandler(client, log, () => new Date(nowMs));
  const id = randomUUID();
  const context = { ...as('a-key-of-a-stranger'), fingerprint: 'a hundred' };
  const young = { ...as('01a04a3b-2c00-7000-8000-000000000001'), fingerprint: 'ten' };
  const { handle } = server();
  await handle(inventory, id, receive(100), context);
  await handle(inventory, id, receive(10), young);
  for (let n = 0; n < 11; n++) {
    const others = Array.from({ length: 100 }, () => handle(inventory, id, receive(1), as()));
    await Promise.all(others);
  }
  const onHand = 1_210;
  for (const hours of [0, 1, 23.9]) {
    nowMs = startMs + hours * 3_600_000;
    for (const repeat of [handle, server().handle]) {
      const { state, events } = await repeat(inventory, id, receive(100), context);
      assert.equal([itemOf(state, 'a').onHand, events], [onHand, []], `after ${hours} h`);
    }
    const other = { ...context, fingerprint: 'another' };
    assert.is(
      await codeOf(server().handle(inventory, id, receive(100), other)),
      'IDEMPOTENCY_KEY_REUSED',
    );
  }
  nowMs = startMs + 24 * 3_600_000 + 1_000;
  const late = await server().handle(inventory, id, receive(10), young);
  assert.equal(late.events, [], 'one that tells its own time is refused at the door, or is known');
  const anew = await server().handle(inventory, id, receive(100), context);
  assert.equal([itemOf(anew.state, 'a').onHand, anew.events], [onHand + 100, ['StockReceived']]);
  const repeated = await server().handle(inventory, id, receive(100), context);
  assert.equal([itemOf(repeated.state, 'a').onHand, repeated.events], [onHand + 100, []]);
  const ids = new Set<string>();
  for await (const event of readStream(client, `inventory-${id}`)) ids.add(event.id);
  assert.is(ids.size, 1_103, 'each of its uses is an event with an id of its own');
});

test('a stream that ends knows its keys for ever', async ({ client }) => {
  let nowMs = Date.parse('2026-11-21T10:00:00.000Z');
  const server = () => createHandler(client, log, () => new Date(nowMs));
  const id = randomUUID();
  const context = { ...as('a-key-of-a-stranger'), fingerprint: 'three' };
  const { handle } = server();
  await handle(cart, id, open, as());
  await handle(cart, id, set('a.1', 3), context);
  for (let n = 0; n < 11; n++) {
    const others = Array.from({ length: 100 }, (_, m) =>
      handle(cart, id, set('a.1', 4 + (m % 2)), as()),
    );
    await Promise.all(others);
  }
  await handle(cart, id, set('a.1', 9), as());
  nowMs += 365 * 24 * 3_600_000;
  const { state, events } = await server().handle(cart, id, set('a.1', 3), context);
  assert.equal([events, state.lines[0]!.quantity], [[], 9]);
});

test('what waits is appended by bytes: large commands do not fail those beside them', async ({
  client,
}) => {
  const id = randomUUID();
  const { handle } = createHandler(client, log, wallClock);
  const line = (n: number) => ({ sku: `${n}`.padEnd(60, 'x'), quantity: 1 });
  const of = (count: number): InventoryCommand => ({
    type: 'ReceiveStock',
    data: { lines: Array.from({ length: count }, (_, n) => line(n)) },
  });
  // Of these, 52 fill an append by themselves; the last is more than one can hold.
  const sizes = [...Array.from({ length: 57 }, (_, n) => (n % 10 === 9 ? 1 : 400)), 16_000];
  const results = await Promise.allSettled(
    sizes.map((size) => handle(inventory, id, of(size), as())),
  );
  const refused = results.flatMap((result) =>
    result.status === 'rejected' ? [(result.reason as Problem).code] : [],
  );
  assert.equal(refused, ['COMMAND_TOO_LARGE']);
  const state = await createHandler(client, log, wallClock).load(inventory, id, { fresh: true });
  assert.equal(
    [0, 1].map((n) => itemOf(state, line(n).sku).onHand),
    [57, 52],
  );
});

test('one command that is refused does not fail those beside it', async ({ client }) => {
  const id = randomUUID();
  const { handle } = createHandler(client, log, wallClock);
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
