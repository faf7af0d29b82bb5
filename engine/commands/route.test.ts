import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readStream, type EventStore } from '../../platform/event-store.ts';
import { Problem, createApp } from '../../platform/http.ts';
import { createLog } from '../../platform/log.ts';
import type { Who } from '../../platform/route.ts';
import { bodyOf, object, text } from '../../platform/schema.ts';
import { startParts } from '../../test/shop.ts';
import type { Decider, Message } from '../decider.ts';
import { createHandler } from './handle.ts';
import { commandRoute, type Caller } from './route.ts';
import { wallClock } from '../../test/clock.ts';

type Door = { locked: boolean };
type DoorCommand = Message<'Lock', { by: 'key' | 'code' }> | Message<'Unlock', { by: 'key' }>;
type DoorEvent = Message<'Locked', { by: string }> | Message<'Unlocked', { by: string }>;

const door: Decider<Door, DoorCommand, DoorEvent> = {
  category: 'door',
  initial: { locked: false },
  decide: {
    Lock: ({ locked }, data) => (locked ? [] : [{ type: 'Locked', data }]),
    Unlock: ({ locked }, data) => (locked ? [{ type: 'Unlocked', data }] : []),
  },
  evolve: {
    Locked: () => ({ locked: true }),
    Unlocked: () => ({ locked: false }),
  },
};

type Context = { client: EventStore; app: FastifyInstance; stop: () => Promise<void> };
const test = suite<Context>('command route');

const resident: Who<{ doorId: string }, Caller & { floor: number }> = {
  name: 'a resident',
  identify({ headers: { authorization } }) {
    if (!authorization) throw new Problem(401, 'RESIDENTS_ONLY', 'Say who you are.');
    return { actor: authorization, floor: 3 };
  },
};

const isLocked = { type: 'boolean' };
const log = createLog('test', 'silent');

test.before(async (context) => {
  const { client, stop } = await startParts();
  const handler = createHandler(client, log, wallClock);
  const app = await createApp({
    log,
    title: 'doors',
    prefix: '',
    ready: async () => {},
    whoReadsDocument: { name: 'anybody', identify: () => undefined },
    routes: (routes) => {
      commandRoute(routes, handler, {
        path: 'PUT /doors/:doorId/lock',
        who: resident,
        id: ({ doorId }) => doorId,
        body: bodyOf({ locked: isLocked }),
        decider: door,
        command: ({ locked }: { locked: boolean }) => ({
          type: locked ? 'Lock' : 'Unlock',
          data: { by: 'key' },
        }),
        answer: object({ locked: isLocked, floor: { type: 'integer' } }),
        reply: ({ locked }, { caller: { floor } }) => ({ locked, floor }),
      });
      commandRoute(routes, handler, {
        path: 'POST /doors',
        who: { name: 'anybody', identify: () => ({ actor: 'builder' }) },
        creates: 'door',
        answer: object({ doorId: text, closed: isLocked }),
        async run(_, { id: doorId, context: asked }) {
          const { handle } = handler;
          await handle(door, doorId, { type: 'Lock', data: { by: 'code' } }, asked);
          const then = { ...asked, commandId: randomUUID() };
          const command = { type: 'Unlock', data: { by: 'key' } } as const;
          const { state, position } = await handle(door, doorId, command, then);
          return { position, answer: { doorId, closed: state.locked } };
        },
      });
    },
  });
  Object.assign(context, { client, app, stop: () => app.close().then(stop) });
});
test.after(({ stop }) => stop());

async function eventsOf(client: EventStore, id: string) {
  const events: [type: string, actor: string][] = [];
  for await (const { type, metadata } of readStream(client, `door-${id}`)) {
    events.push([type, metadata.actor]);
  }
  return events;
}

test('a command is decided once, in the name of who called, and says its position', async ({
  client,
  app,
}) => {
  const doorId = randomUUID();
  const lock = async (payload: object, key: string) => {
    const headers = { authorization: 'asha', 'idempotency-key': key };
    return app.inject({ method: 'PUT', url: `/doors/${doorId}/lock`, headers, payload });
  };
  const key = randomUUID();
  const [first, again] = [await lock({ locked: true }, key), await lock({ locked: true }, key)];
  for (const answer of [first, again]) {
    assert.equal([answer.statusCode, answer.json()], [200, { locked: true, floor: 3 }]);
    assert.match(String(answer.headers['doorstep-position']), /^[0-9a-f]{8}\.[0-9]+$/);
  }
  assert.is(first.headers['doorstep-position'], again.headers['doorstep-position']);
  const other = await lock({ locked: false }, key);
  assert.equal([other.statusCode, other.json<Problem>().code], [422, 'IDEMPOTENCY_KEY_REUSED']);
  assert.equal(await eventsOf(client, doorId), [['Locked', 'asha']]);
});

test('whoever may not send it hears nothing of it, and nothing is done', async ({
  client,
  app,
}) => {
  const doorId = randomUUID();
  for (const payload of [{ locked: true }, { open: true }]) {
    const answer = await app.inject({ method: 'PUT', url: `/doors/${doorId}/lock`, payload });
    assert.equal([answer.statusCode, answer.json<Problem>().code], [401, 'RESIDENTS_ONLY']);
  }
  assert.equal(await eventsOf(client, doorId), []);
});

test('what is made has the id of its key, which nobody guesses', async ({ client, app }) => {
  const post = (key: string) =>
    app.inject({ method: 'POST', url: '/doors', headers: { 'idempotency-key': key } });
  const key = randomUUID();
  const [first, again] = [await post(key), await post(key)];
  const { doorId } = first.json<{ doorId: string }>();
  assert.equal([first.statusCode, first.json()], [201, { doorId, closed: false }]);
  assert.equal([again.statusCode, again.json()], [201, { doorId, closed: false }]);
  const [locked, unlocked] = await eventsOf(client, doorId);
  assert.equal(
    [locked, unlocked],
    [
      ['Locked', 'builder'],
      ['Unlocked', 'builder'],
    ],
  );
  const short = await post('12345678');
  assert.equal([short.statusCode, short.json<Problem>().code], [400, 'INVALID_IDEMPOTENCY_KEY']);
});

/** A UUID of version 7 that was made so long ago. */
function keyOf(ageMs: number): string {
  const time = (Date.now() - ageMs).toString(16).padStart(12, '0');
  const rest = randomUUID().slice(15);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}`;
}

test('a key that says that it is too old, or not made yet, is refused before anything is done', async ({
  client,
  app,
}) => {
  const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
  const doorId = randomUUID();
  const lock = async (key: string) => {
    const headers = { authorization: 'asha', 'idempotency-key': key };
    const url = `/doors/${doorId}/lock`;
    const answer = await app.inject({ method: 'PUT', url, headers, payload: { locked: true } });
    return [answer.statusCode, answer.json<Problem>().code];
  };
  const make = async (key: string) => {
    const headers = { 'idempotency-key': key };
    return (await app.inject({ method: 'POST', url: '/doors', headers })).statusCode;
  };
  for (const ageMs of [24 * HOUR_MS + MINUTE_MS, 365 * 24 * HOUR_MS, -6 * MINUTE_MS, -HOUR_MS]) {
    assert.equal(await lock(keyOf(ageMs)), [409, 'KEY_TOO_OLD']);
    assert.equal(await lock(keyOf(ageMs).toUpperCase()), [409, 'KEY_TOO_OLD']);
    assert.is(await make(keyOf(ageMs)), 409);
  }
  assert.equal(await eventsOf(client, doorId), []);
  for (const ageMs of [24 * HOUR_MS - MINUTE_MS, 0, -4 * MINUTE_MS]) {
    const key = keyOf(ageMs);
    assert.equal(
      [await lock(key), await lock(key)],
      [
        [200, undefined],
        [200, undefined],
      ],
    );
  }
  assert.is((await eventsOf(client, doorId)).filter(([type]) => type === 'Locked').length, 1);
});

/** Never run: what the compiler has to refuse. */
export function refused(app: FastifyInstance, client: EventStore): void {
  const handler = createHandler(client, log, wallClock);
  const rest = {
    id: ({ doorId }: { doorId: string }) => doorId,
    decider: door,
    answer: object({}),
    reply: () => ({}),
  };
  const unlock = () => ({ type: 'Unlock', data: { by: 'key' } }) as const;
  commandRoute(app, handler, { ...rest, path: 'PUT /:doorId', who: resident, command: unlock });
  // @ts-expect-error: nobody said who may send it
  commandRoute(app, handler, { ...rest, path: 'PUT /:doorId', command: unlock });
  // @ts-expect-error: its address names no door
  commandRoute(app, handler, { ...rest, path: 'PUT /:flatId', who: resident, command: unlock });
  commandRoute(app, handler, {
    ...rest,
    path: 'PUT /:doorId',
    who: resident,
    // @ts-expect-error: a door knows no such command
    command: () => ({ type: 'Open', data: {} }),
  });
  const byCode = () => ({ type: 'Unlock', data: { by: 'code' } }) as const;
  // @ts-expect-error: codes do not unlock
  commandRoute(app, handler, { ...rest, path: 'PUT /:doorId', who: resident, command: byCode });
}

test.run();
