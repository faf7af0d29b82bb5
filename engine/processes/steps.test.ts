import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cart } from '../../domain/cart/cart.ts';
import { Refusal } from '../decider.ts';
import { createLog } from '../../platform/log.ts';
import { MemoryLog } from '../../test/simulation.ts';
import { createHandler } from '../commands/handle.ts';
import { View, ask, look, take, wait, type Process } from '../process.ts';
import { systemContext } from './cause.ts';
import { takeSteps, type StepServices } from './steps.ts';
import { wallClock } from '../../test/clock.ts';

const NOW = new Date('2026-11-21T10:00:00Z');
const open = (id: string) => take(cart, id, { type: 'OpenCart', data: { shopper: null } });
const add = (id: string) =>
  take(cart, id, { type: 'SetCartItem', data: { listingId: 'a.1', quantity: 1 } });

function start(answer: StepServices['ask'] = async () => undefined) {
  const log = new MemoryLog();
  const handler = createHandler(
    log.client(async () => {}),
    createLog('test', 'silent'),
    wallClock,
  );
  const cause = { correlationId: 'c', causationId: 'because' };
  const contextOf = () => systemContext('tester', cause);
  const services: StepServices = { handler, now: () => NOW, contextOf, ask: answer };
  const types = () => log.events.map(({ stream, type }) => `${stream} ${type}`);
  return { log, services, types };
}

test('steps are taken, and what became of them is asked about, until there are no more', async () => {
  const { log, services, types } = start();
  const process: Process = (view, nowMs) => {
    assert.is(nowMs, NOW.getTime());
    const opening = view.untaken([open('1'), open('2')]);
    if (opening.length > 0) return opening;
    return view.stateOf(cart, '1')!.lines.length === 0 ? [add('1')] : [];
  };
  const { view, position, againMs } = await takeSteps(process, services);
  assert.equal(types(), ['cart-1 CartOpened', 'cart-2 CartOpened', 'cart-1 ItemAddedToCart']);
  assert.is(view.stateOf(cart, '1')?.lines.length, 1);
  assert.equal([position, againMs], [3n, undefined]);
  for (const { metadata } of log.events) {
    assert.equal([metadata.actor, metadata.$causationId], ['tester', 'because']);
    assert.match(metadata.commandId, /^tester /);
  }
});

test('a refusal is an outcome, and what nobody has to know is not read', async () => {
  const { services } = start();
  const process: Process = (view) => view.untaken([add('none')]);
  const { view } = await takeSteps(process, services);
  const outcome = view.outcomeOf(add('none'))!;
  assert.ok('refusal' in outcome && outcome.refusal.code === 'CART_NOT_FOUND');
  assert.is(view.stateOf(cart, 'none'), undefined);
});

test('what was known before is not looked at again; a look sees what others did', async () => {
  const { services } = start();
  const process: Process = (view) => {
    const known = view.stateOf(cart, '1');
    return known ? view.untaken([look(cart, '2')]) : [look(cart, '1')];
  };
  await takeSteps(() => [], services);
  await takeSteps((view) => view.untaken([open('2')]), services);
  const known = new View().seeing(cart, '1', cart.initial);
  const { view } = await takeSteps(process, services, known);
  assert.equal(
    [view.stateOf(cart, '1')?.status, view.stateOf(cart, '2')?.status],
    ['none', 'open'],
  );
});

test('whoever is asked outside answers or refuses; a wait ends the run', async () => {
  const { services } = start(async ({ type }) => {
    if (type === 'No') throw new Refusal('NO_ANSWER');
    return 'yes';
  });
  const [yes, no] = [
    ask<string>({ type: 'Yes', data: {} }, 'x'),
    ask({ type: 'No', data: {} }, 'x'),
  ];
  const process: Process = (view) => {
    const asking = view.untaken([yes, no]);
    return asking.length > 0 ? asking : [wait(500)];
  };
  const { view, againMs } = await takeSteps(process, services);
  assert.is(view.resultOf(yes), 'yes');
  assert.is(view.resultOf(no), undefined);
  assert.is(againMs, 500);
});

test('a fault ends it once nothing is under way; taken up again, it goes on from there', async () => {
  const held = Promise.withResolvers<void>();
  const { services, types } = start(async () => {
    throw new Error('the line is dead');
  });
  const slowly: StepServices = {
    ...services,
    handler: {
      ...services.handler,
      async handle(...args) {
        await held.promise;
        return services.handler.handle(...args);
      },
    },
  };
  const outside = ask({ type: 'Ask', data: {} }, 'x');
  const process: Process = (view) => view.untaken([outside, open('1')]);
  const run = takeSteps(process, slowly).then(
    () => 'done',
    (error: Error) => error.message,
  );
  held.resolve();
  assert.is(await run, 'the line is dead');
  assert.equal(types(), ['cart-1 CartOpened']);
  await takeSteps(process, { ...services, ask: async () => 'back' });
  assert.equal(types(), ['cart-1 CartOpened'], 'its stream knows that it was taken');
});

test('a process that asks for ever is stopped', async () => {
  const { services } = start();
  const asking = takeSteps(() => [look(cart, '1')], services);
  const failed = await asking.then(
    () => 'it ended',
    (error: Error) => error.message,
  );
  assert.match(failed, 'asks for more after 100 rounds');
});

test.run();
