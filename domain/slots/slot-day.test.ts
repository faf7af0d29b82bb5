import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from '../rejection.ts';
import { leftIn, slotDay, type SlotDayCommand, type SlotDayEvent } from './slot-day.ts';
import { given } from '../../test/given.ts';

const morning = { fromMinute: 540, toMinute: 660, capacity: 2 };
const evening = { fromMinute: 1_080, toMinute: 1_200, capacity: 1 };
const set: SlotDayEvent = { type: 'SlotCapacitySet', data: { slots: [morning, evening] } };
const expiresAt = '2026-11-21T10:15:00.000Z';

const hold = (id: string, fromMinute = 540) => ({
  storeOrderId: id,
  orderId: `order ${id}`,
  fromMinute,
  expiresAt,
  round: 1,
});
const held = (id: string): SlotDayEvent => ({ type: 'SlotHeld', data: hold(id) });

test('slots set in another order are the same slots', () => {
  const command: SlotDayCommand = { type: 'SetSlotCapacity', data: { slots: [evening, morning] } };
  given(slotDay).when(command).gives(set);
  given(slotDay, set).when(command).gives();
});

test('a place is held once, and none beyond the capacity', () => {
  const command = (id: string, fromMinute?: number): SlotDayCommand => ({
    type: 'HoldSlot',
    data: hold(id, fromMinute),
  });
  given(slotDay, set).when(command('a')).gives(held('a'));
  given(slotDay, set, held('a')).when(command('a')).gives();
  given(slotDay, set, held('a'), held('b')).when(command('c')).rejected('SLOT_FULL');
  given(slotDay, set).when(command('a', 541)).rejected('SLOT_NOT_FOUND');
});

test('a hold is confirmed once; what is released is free again', () => {
  const place = { storeOrderId: 'a', orderId: 'order a' };
  const confirmed: SlotDayEvent = { type: 'SlotConfirmed', data: place };
  const confirm: SlotDayCommand = { type: 'ConfirmSlot', data: { storeOrderId: 'a' } };
  given(slotDay, set, held('a')).when(confirm).gives(confirmed);
  given(slotDay, set, held('a'), confirmed).when(confirm).gives();
  const reason = 'rejected-by-shop';
  const release: SlotDayCommand = { type: 'ReleaseSlot', data: { storeOrderId: 'a', reason } };
  const released: SlotDayEvent = { type: 'SlotReleased', data: { ...place, reason } };
  given(slotDay, set, held('a'), confirmed).when(release).gives(released);
  const { state } = given(slotDay, set, held('a'), confirmed, released);
  assert.is(leftIn(state, morning), 2);
  given(slotDay, set, held('a'), confirmed, released).when(release).gives();
});

test('each round has a place once, gives back its own, and takes over that of the one before', () => {
  const take = (round: number): SlotDayCommand => ({
    type: 'HoldSlot',
    data: { ...hold('a', 1_080), round },
  });
  const taken = (round: number): SlotDayEvent => ({
    type: 'SlotHeld',
    data: { ...hold('a', 1_080), round },
  });
  const reason = 'order-rejected';
  const free = (round?: number): SlotDayCommand => ({
    type: 'ReleaseSlot',
    data: { storeOrderId: 'a', reason, round },
  });
  const freed: SlotDayEvent = {
    type: 'SlotReleased',
    data: { storeOrderId: 'a', orderId: 'order a', reason },
  };
  given(slotDay, set, taken(1)).when(free(2)).gives();
  given(slotDay, set, taken(1), freed).when(take(1)).gives();
  // The only place of the evening is its own.
  given(slotDay, set, taken(1)).when(take(2)).gives(freed, taken(2));
  const late = given(slotDay, set, taken(1), freed, taken(2));
  late.when(free(1)).gives();
  late.when(take(1)).gives();
  late.when(free(2)).gives(freed);
  late.when(free()).gives(freed);
  const { round: _, ...before } = hold('a');
  const [asV2] = slotDay.upcast!.SlotHeld!;
  assert.equal(asV2(before as never), { ...before, round: 1 });
});

test('whatever comes in whatever order, no slot has more orders than places', () => {
  const storeOrderId = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const fromMinute = fc.constantFrom(540, 1_080, 1_300);
  const command: fc.Arbitrary<SlotDayCommand> = fc.oneof(
    fc
      .record({ id: storeOrderId, fromMinute, round: fc.constantFrom(1, 2, 3) })
      .map(({ id, fromMinute: from, round }) => ({
        type: 'HoldSlot' as const,
        data: { ...hold(id, from), round },
      })),
    storeOrderId.map((id) => ({ type: 'ConfirmSlot' as const, data: { storeOrderId: id } })),
    storeOrderId.map((id) => ({
      type: 'ReleaseSlot' as const,
      data: { storeOrderId: id, reason: 'order-rejected' as const },
    })),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const events: SlotDayEvent[] = [set];
      for (const next of commands) {
        try {
          events.push(...given(slotDay, ...events).decide(next));
        } catch (error) {
          if (!(error instanceof Rejected)) throw error;
        }
        const { state } = given(slotDay, ...events);
        for (const { fromMinute: from, capacity } of [morning, evening]) {
          const taken = [...state.held.values()].filter((one) => one.fromMinute === from);
          assert.ok(taken.length <= capacity);
        }
      }
    }),
  );
});

test.run();
