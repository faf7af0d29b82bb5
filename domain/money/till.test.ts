import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rejected } from '../rejection.ts';
import { given } from '../../test/given.ts';
import { expectedPaise, till, type TillCommand, type TillEvent } from './till.ts';

const at = '2026-11-21T12:30:00.000Z';
const cash = (paymentId: string, amountPaise: number) => ({
  paymentId,
  orderId: `order ${paymentId}`,
  storeOrderId: `store order ${paymentId}`,
  amountPaise,
  at,
});
const taken = (id: string, amountPaise = 50_000): TillEvent => ({
  type: 'CashTaken',
  data: cash(id, amountPaise),
});
const back = { ...cash('a', 10_000), refundNumber: 1 };
const givenBack: TillEvent = { type: 'CashGivenBack', data: back };
const opened: TillEvent = { type: 'TillOpened', data: { openingPaise: 20_000 } };
const closed: TillEvent = {
  type: 'TillClosed',
  data: { countedPaise: 59_000, expectedPaise: 60_000, differencePaise: -1_000, reason: 'theft' },
};
const day = [opened, taken('a'), givenBack];

const take = (id: string): TillCommand => ({ type: 'TakeCash', data: cash(id, 50_000) });
const giveBack: TillCommand = { type: 'GiveCashBack', data: back };
const close = (
  countedPaise: number,
  reason: 'theft' | 'other' | null = null,
  looked?: number,
): TillCommand => ({
  type: 'CloseTill',
  data: { countedPaise, reason, ...(looked !== undefined && { expectedPaise: looked }) },
});

test('each payment and each refund is in the till once', () => {
  given(till).when(take('a')).gives(taken('a'));
  given(till, ...day)
    .when(take('a'))
    .gives();
  given(till, taken('a')).when(giveBack).gives(givenBack);
  given(till, ...day)
    .when(giveBack)
    .gives();
  assert.is(expectedPaise(given(till, ...day).state), 60_000);
});

test('the change of the morning counts, as it was told last', () => {
  const open: TillCommand = { type: 'OpenTill', data: { openingPaise: 20_000 } };
  given(till).when(open).gives(opened);
  given(till, opened).when(open).gives();
  const right: TillEvent = { type: 'TillOpened', data: { openingPaise: 25_000 } };
  assert.is(expectedPaise(given(till, opened, taken('a'), right).state), 75_000);
  given(till, opened, closed)
    .when({ type: 'OpenTill', data: { openingPaise: 1 } })
    .rejected('TILL_CLOSED');
});

test('what was counted is closed with; what differs needs a reason', () => {
  const all = { expectedPaise: 60_000, countedPaise: 60_000, differencePaise: 0, reason: null };
  given(till, ...day)
    .when(close(60_000))
    .gives({ type: 'TillClosed', data: all });
  given(till, ...day)
    .when(close(60_000, 'theft'))
    .gives({ type: 'TillClosed', data: all });
  given(till, ...day)
    .when(close(59_000))
    .rejected('REASON_REQUIRED');
  given(till, ...day)
    .when(close(59_000, 'theft'))
    .gives(closed);
  given(till, ...day)
    .when(close(59_000, 'theft', 60_000))
    .gives(closed);
  given(till, ...day)
    .when(close(59_000, 'theft', 59_000))
    .rejected('STALE_COUNT');
});

test('a closed till takes no more; closed again with the same count nothing happens', () => {
  const past = [...day, closed];
  given(till, ...past)
    .when(close(59_000, 'theft'))
    .gives();
  given(till, ...past)
    .when(close(59_000, 'other'))
    .rejected('TILL_CLOSED');
  given(till, ...past)
    .when(close(60_000))
    .rejected('TILL_CLOSED');
  given(till, ...past)
    .when(take('b'))
    .rejected('TILL_CLOSED');
  given(till, ...past)
    .when(take('a'))
    .gives();
  given(till, ...past)
    .when(giveBack)
    .gives();
});

test('whatever comes in whatever order, a till holds what was taken less what was given back', () => {
  const paymentId = fc.constantFrom('a', 'b', 'c');
  const amountPaise = fc.integer({ min: 1, max: 100_000 });
  const command: fc.Arbitrary<TillCommand> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ paymentId, amountPaise }).map(takeOf) },
    {
      weight: 4,
      arbitrary: fc
        .record({ paymentId, amountPaise, refundNumber: fc.integer({ min: 1, max: 2 }) })
        .map(({ paymentId: id, amountPaise: paise, refundNumber }) => ({
          type: 'GiveCashBack' as const,
          data: { ...cash(id, paise), refundNumber },
        })),
    },
    { weight: 1, arbitrary: amountPaise.map((paise) => close(paise, 'other')) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const events: TillEvent[] = [];
      for (const next of commands) {
        try {
          events.push(...given(till, ...events).decide(next));
        } catch (error) {
          if (!(error instanceof Rejected)) throw error;
        }
      }
      const amounts = new Map<string, number>();
      for (const { type, data } of events) {
        if (type !== 'CashTaken' && type !== 'CashGivenBack') continue;
        const key = JSON.stringify([data.paymentId, 'refundNumber' in data && data.refundNumber]);
        assert.not(amounts.has(key), 'recorded twice');
        amounts.set(key, type === 'CashTaken' ? data.amountPaise : -data.amountPaise);
      }
      const sum = [...amounts.values()].reduce((total, paise) => total + paise, 0);
      assert.is(expectedPaise(given(till, ...events).state), sum);
      const closedAt = events.findIndex(({ type }) => type === 'TillClosed');
      if (closedAt < 0) return;
      assert.is(closedAt, events.length - 1, 'a closed till changed');
      const { state } = given(till, ...events);
      assert.is(state.closing!.expectedPaise, sum);
      assert.is(state.closing!.countedPaise - sum, state.closing!.differencePaise);
    }),
  );
});

function takeOf(one: { paymentId: string; amountPaise: number }): TillCommand {
  return { type: 'TakeCash', data: cash(one.paymentId, one.amountPaise) };
}

test.run();
