import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { payment } from '../domain/money/payment.ts';
import { till, tillId } from '../domain/money/till.ts';
import { STRANGER, newKey, startShop, work, type Shop } from '../test/shop.ts';
import { headOfLog, readStream } from '../platform/event-store.ts';
import { businessDate, dayAfter } from '../platform/time.ts';
import type { Till } from '../read-api/till.ts';
import { driveCheckout } from './checkout.ts';
import { paymentIdOf } from './payment.ts';
import { ON_SHELF, openShelf, place, PRICE_PAISE, until, WANTED } from '../test/write-api.ts';
import { driveTill, type CashMoved } from './cash.ts';

const OWED_PAISE = WANTED * PRICE_PAISE;

const test = suite<{ shop: Shop }>('till');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

/** Of who does it anew and cannot know that it was done. */
const again = { correlationId: 'c', causationId: 'c' };

type Answered = { code?: string; expectedPaise?: number; differencePaise?: number };

/** A shop, and what its staff do with its till. */
async function openShop(shop: Shop) {
  const store = await openShelf(shop, ON_SHELF);
  const { storeId } = store;
  const headers = { authorization: `Bearer ${shop.passOf(storeId)}` };
  const path = (date: string) => `/stores/${storeId}/till/${date}`;
  const say = async (method: string, to: string, body: object, key = newKey()) => {
    const answer = await shop.write<Answered>(method, to, body, {
      ...headers,
      'idempotency-key': key,
    });
    return { ...answer, code: answer.body.code ?? answer.status };
  };
  return {
    storeId,
    path,
    say,
    open: (date: string, openingPaise: number) =>
      say('PUT', `${path(date)}/opening`, { openingPaise }),
    close: (date: string, body: object, key?: string) =>
      say('POST', `${path(date)}/close`, body, key),
    /** An order that was handed over and paid in cash, and what the log says of that. */
    async deliver() {
      const { orderId, data } = await place(shop, [store]);
      const { storeOrderId } = data.parts[0]!;
      await driveCheckout(shop, orderId, { correlationId: orderId, causationId: orderId });
      await work(shop, storeOrderId);
      return { storeOrderId, ...(await cashFor(shop, storeOrderId)) };
    },
    /** A piece comes back, and the shop says how its money went. */
    async giveBack({ storeOrderId, paymentId }: Delivered, reference: string) {
      const lines = [{ listingId: `${storeId}.s1`, quantity: 1 }];
      const body = { lines, reason: 'damaged', to: 'none' };
      const key = newKey();
      // Refused until it is billed.
      await until(shop, async () => {
        const returned = await say('POST', `/store-orders/${storeOrderId}/returns`, body, key);
        return returned.status === 200;
      });
      await until(shop, async () => {
        const { refunds } = await shop.handler.load(payment, paymentId, { fresh: true });
        return refunds.length === 1;
      });
      const given = await say('POST', `/payments/${paymentId}/refunds/1/given`, { reference });
      assert.is(given.status, 200);
    },
    /** Resolves once so many amounts are in the till. */
    untilMoved: (date: string, amounts: number) =>
      until(shop, async () => {
        const day = await shop.handler.load(till, tillId(storeId, date), { fresh: true });
        return day.moved.size === amounts;
      }),
    async read(date: string): Promise<Till> {
      const position = (await headOfLog(shop.client)).toString();
      return (await shop.read<Till>(path(date), position, headers)).body;
    },
  };
}

type Delivered = { storeOrderId: string; paymentId: string };

async function cashFor(shop: Shop, storeOrderId: string) {
  const paymentId = paymentIdOf(storeOrderId);
  await until(shop, async () => {
    const { status } = await shop.handler.load(payment, paymentId, { fresh: true });
    return status === 'paid';
  });
  const events = await Array.fromAsync(readStream(shop.client, `payment-${paymentId}`));
  const collected = events.find(({ type }) => type === 'CashCollected')!;
  const { id: causationId, type, data, metadata } = collected;
  const moved = { type, data } as CashMoved;
  return { paymentId, moved, at: metadata.at, causationId, date: businessDate(metadata.at) };
}

test('cash for a delivery is in the till, once, however often it is put there', async ({
  shop,
}) => {
  const staff = await openShop(shop);
  const cash = await staff.deliver();
  await staff.untilMoved(cash.date, 1);
  const causes = [{ ...again, causationId: cash.causationId }, again, again];
  await Promise.all(
    causes.map((cause) => driveTill(shop.handler, cash.paymentId, cash.moved, cash.at, cause)),
  );
  await staff.open(cash.date, 20_000);
  const { movements, closing, ...sums } = await staff.read(cash.date);
  assert.equal(sums, {
    storeId: staff.storeId,
    date: cash.date,
    openingPaise: 20_000,
    takenPaise: OWED_PAISE,
    givenBackPaise: 0,
    expectedPaise: 20_000 + OWED_PAISE,
  });
  assert.is(closing, null);
  assert.equal(
    movements.map(({ storeOrderId, amountPaise, at }) => [storeOrderId, amountPaise, at]),
    [[cash.storeOrderId, OWED_PAISE, cash.at]],
  );
});

test('only what goes back in cash leaves the till', async ({ shop }) => {
  const staff = await openShop(shop);
  const [inCash, byUpi] = [await staff.deliver(), await staff.deliver()];
  await staff.giveBack(byUpi, '123456789012');
  await staff.giveBack(inCash, 'cash');
  await staff.untilMoved(inCash.date, 3);
  const { takenPaise, givenBackPaise, movements } = await staff.read(inCash.date);
  assert.equal([takenPaise, givenBackPaise], [2 * OWED_PAISE, PRICE_PAISE]);
  const [newest] = movements;
  assert.equal([newest!.storeOrderId, newest!.amountPaise], [inCash.storeOrderId, -PRICE_PAISE]);
});

test('a day is closed with what was counted; what differs needs a reason', async ({ shop }) => {
  const staff = await openShop(shop);
  const { date } = await staff.deliver();
  await staff.untilMoved(date, 1);
  const missing = { countedPaise: OWED_PAISE - 1_000 };
  const unsaid = await staff.close(date, missing);
  assert.equal([unsaid.status, unsaid.code], [422, 'REASON_REQUIRED']);
  const old = { ...missing, reason: 'wrong-change', expectedPaise: 0 };
  assert.is((await staff.close(date, old)).code, 'STALE_COUNT');
  assert.is((await staff.close(date, { ...missing, reason: 'a whim' })).status, 400);
  assert.is((await staff.close(date, { countedPaise: -1 })).status, 400);
  assert.is((await staff.read(date)).closing, null);

  const said = { ...missing, reason: 'wrong-change', expectedPaise: OWED_PAISE };
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 20 }, () => staff.close(date, said, key)));
  for (const { status, body } of answers) {
    assert.equal([status, body.differencePaise], [200, -1_000]);
  }
  assert.is((await staff.close(date, said)).status, 200, 'the same figures again');
  assert.is((await staff.close(date, { ...said, countedPaise: 1 }, key)).status, 422);
  const other = await staff.close(date, { countedPaise: OWED_PAISE });
  assert.equal([other.status, other.code], [409, 'TILL_CLOSED']);
  assert.is((await staff.open(date, 500)).code, 'TILL_CLOSED');
  const { closing, expectedPaise } = await staff.read(date);
  assert.is(expectedPaise, OWED_PAISE);
  assert.equal(
    [closing!.countedPaise, closing!.differencePaise, closing!.reason],
    [OWED_PAISE - 1_000, -1_000, 'wrong-change'],
  );
});

test('cash that comes after the close is the next day’s', async ({ shop }) => {
  const staff = await openShop(shop);
  const early = await staff.deliver();
  await staff.untilMoved(early.date, 1);
  assert.is((await staff.close(early.date, { countedPaise: OWED_PAISE })).status, 200);
  const late = await staff.deliver();
  const next = dayAfter(early.date);
  await staff.untilMoved(next, 1);
  // Whoever puts it there again, also when that day is over too, finds it.
  await driveTill(shop.handler, late.paymentId, late.moved, late.at, again);
  await driveTill(shop.handler, early.paymentId, early.moved, early.at, again);
  const closed = await staff.read(early.date);
  assert.equal([closed.takenPaise, closed.closing!.differencePaise], [OWED_PAISE, 0]);
  const { movements, closing } = await staff.read(next);
  assert.equal(
    movements.map(({ storeOrderId }) => storeOrderId),
    [late.storeOrderId],
  );
  assert.is(closing, null);
});

test('a till is its shop’s, and no day is closed ahead', async ({ shop }) => {
  const { path, say, close } = await openShop(shop);
  const today = businessDate(Date.now());
  const body = { countedPaise: 0 };
  const stranger = { authorization: `Bearer ${shop.passOf('other')}` };
  const asStranger = await shop.write('POST', `${path(today)}/close`, body, stranger);
  assert.equal([asStranger.status, asStranger.body.code], [401, 'STORE_PASS_REQUIRED']);
  const opening = { openingPaise: 1 };
  assert.is((await shop.write('PUT', `${path(today)}/opening`, opening, STRANGER)).status, 401);
  assert.is((await shop.read(path(today), null, stranger)).status, 401);
  const ahead = await close(dayAfter(dayAfter(today)), body);
  assert.equal([ahead.status, ahead.code], [409, 'DAY_NOT_YET']);
  assert.is((await say('POST', `${path('2026-02-30')}/close`, body)).status, 400);
  const empty = await close(today, body);
  assert.equal([empty.status, empty.body.expectedPaise], [200, 0]);
});

test.run();
