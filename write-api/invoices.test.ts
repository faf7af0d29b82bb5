import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { amountInWords } from '../wording/en/invoices.ts';
import {
  creditableUntil,
  fiscalYearOf,
  registerId,
  type Invoice,
} from '../domain/money/invoices.ts';
import {
  STRANGER,
  headOfCommands,
  newKey,
  quoteCart,
  recipient,
  startShop,
  STEPS,
  takeAsShop,
  work,
  type Shop,
} from '../test/shop.ts';
import { readStream } from '../platform/event-store.ts';
import { businessDate } from '../platform/time.ts';
import type { Invoice as InvoicePaper, InvoicePage } from '../read-api/invoices.ts';
import { createHandler } from '../engine/commands/handle.ts';
import { driveInvoice } from './invoices.ts';
import { wallClock } from '../test/clock.ts';

const DELIVERIES = 50;

const test = suite<{ shop: Shop }>('invoices');
test.before(async (context) => {
  context.shop = await startShop();
});
test.after(({ shop }) => shop.stop());

const registration = {
  gstin: '29AAGCB7383J1Z4',
  legalName: 'Test Kirana Private Limited',
  address: '12, 4th Cross, Bengaluru 560001',
};
const PRICES = ['sku,name,price,hsn,gst', 'dal,Toor dal,105,0713,5', 'milk,Milk,28,0401,0', ''];

async function openStore(shop: Shop): Promise<string> {
  const store = { name: 'Test Kirana', city: 'Bengaluru', pincode: '560001' };
  const { body } = await shop.write<{ storeId: string }>('POST', '/stores', store);
  await shop.importCsv(body.storeId, PRICES.join('\n'));
  return body.storeId;
}

const register = (shop: Shop, storeId: string, body: object = registration) =>
  shop.write('PUT', `/stores/${storeId}/tax-registration`, body, shop.asShop(storeId));

const halves = (half: number) => ({ cgstPaise: half, sgstPaise: half, igstPaise: 0 });

type Placed = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };

/** An order of two pieces of each item at each shop. */
async function order(shop: Shop, ...storeIds: string[]): Promise<Placed> {
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const storeId of storeIds) {
    for (const sku of ['dal', 'milk']) {
      const path = `/carts/${body.cartId}/items/${storeId}.${sku}`;
      await shop.write('PUT', path, { quantity: 2 });
    }
  }
  const quote = await quoteCart(shop, body.cartId);
  const wish = { cartId: body.cartId, quote, ...recipient, payment: 'cash-on-delivery' };
  const key = { 'idempotency-key': newKey() };
  const { body: placed, position } = await shop.write<Placed>('POST', '/orders', wish, key);
  // A page that is not to be read yet cannot be followed live.
  await shop.read(`/orders/${placed.orderId}`, position);
  return placed;
}

const year = fiscalYearOf(businessDate(Date.now()));

async function registerOf(shop: Shop, storeId: string): Promise<Invoice[]> {
  const invoices: Invoice[] = [];
  const stream = `invoices-${registerId(storeId, year)}`;
  for await (const { type, data } of readStream(shop.client, stream)) {
    if (type === 'InvoiceIssued') invoices.push(data as Invoice);
  }
  return invoices;
}

/** The page that follows the order live is told of its invoices too. */
async function untilInvoiced(shop: Shop, orderId: string, storeOrderId: string) {
  const path = `/store-orders/${storeOrderId}/invoice`;
  type StoreOrders = { storeOrders: { storeOrderId: string; invoiceNumber: string | null }[] };
  await shop.untilLive<StoreOrders>(`/orders/${orderId}`, ({ storeOrders }) =>
    storeOrders.some((one) => one.storeOrderId === storeOrderId && one.invoiceNumber !== null),
  );
  return (await shop.read<InvoicePaper>(path)).body;
}

test('a quote says what of it is tax, as the bill will: of the goods and of bringing them', async ({
  shop,
}) => {
  const [taxed, plain] = [await openStore(shop), await openStore(shop)];
  await register(shop, taxed);
  const fee = { steps: [{ fromMetres: 0, fromPaise: 0, feePaise: 2_660 }], freeFromPaise: null };
  for (const storeId of [taxed, plain]) await shop.write('PUT', `/stores/${storeId}/fee`, fee);
  const { body } = await shop.write<{ cartId: string }>('POST', '/carts');
  for (const storeId of [taxed, plain]) {
    for (const sku of ['dal', 'milk']) {
      await shop.write('PUT', `/carts/${body.cartId}/items/${storeId}.${sku}`, { quantity: 2 });
    }
  }
  type Quoted = { parts: { storeId: string; totalPaise: number; taxPaise: number }[] };
  const quote = await shop.write<Quoted>('POST', `/carts/${body.cartId}/quotes`);
  // 5 % within 210 rupees of dal, and within the fee's share of it, 21 rupees.
  assert.equal(
    quote.body.parts.map(({ totalPaise, taxPaise }) => [totalPaise, taxPaise]),
    [
      [29_260, 1_100],
      [29_260, 0],
    ],
  );
});

test('a registered and an unregistered shop in one order: an invoice and a bill of supply', async ({
  shop,
}) => {
  const [taxed, plain] = [await openStore(shop), await openStore(shop)];
  assert.is((await register(shop, taxed)).status, 200);
  const { orderId, storeOrders } = await order(shop, taxed, plain);
  const papers = new Map<string, InvoicePaper>();
  for (const { storeOrderId, storeId } of storeOrders) {
    await work(shop, storeOrderId);
    papers.set(storeId, await untilInvoiced(shop, orderId, storeOrderId));
  }
  const invoice = papers.get(taxed)!;
  assert.is(invoice.kind, 'invoice-cum-bill-of-supply');
  assert.is(invoice.number, `${year.slice(2)}/000001`);
  assert.is(invoice.date, businessDate(Date.now()));
  const supplier = { storeName: 'Test Kirana', composition: false, state: '29', fssai: null };
  assert.equal(invoice.supplier, { ...supplier, ...registration });
  assert.is(invoice.placeOfSupply, '29');
  assert.equal(invoice.contact, recipient.contact);
  assert.equal(invoice.totals, [
    { gstPercent: 0, linePaise: 5_600, taxablePaise: 5_600, ...halves(0) },
    { gstPercent: 5, linePaise: 21_000, taxablePaise: 20_000, ...halves(500) },
  ]);
  assert.is(invoice.totalPaise, 26_600);
  assert.is(amountInWords(invoice.totalPaise), 'Rupees two hundred sixty-six only');
  assert.equal(
    invoice.lines.map(({ hsn }) => hsn),
    ['0713', '0401'],
  );
  const bill = papers.get(plain)!;
  assert.is(bill.kind, 'bill-of-supply');
  assert.is(bill.supplier.gstin, null);
  assert.is(bill.supplier.legalName, 'Test Kirana');
  assert.equal(bill.totals, [
    { gstPercent: null, linePaise: 26_600, taxablePaise: 26_600, ...halves(0) },
  ]);
});

const CHANDIGARH = {
  store: { name: 'Sector Stores', city: 'Chandigarh', pincode: '160017' },
  registration: {
    gstin: '04AAAAA0000A1ZA',
    legalName: 'Sector Stores',
    address: 'Sector 17, Chandigarh',
  },
};
const MOHALI = { line1: 'Phase 1', city: 'Mohali', pincode: '160055' };

/** A shop in Chandigarh with one article, and a cart with a piece of it. */
async function fillAcrossBorder(shop: Shop, tax: object | null) {
  const { body } = await shop.write<{ storeId: string }>('POST', '/stores', CHANDIGARH.store);
  const { storeId } = body;
  if (tax) assert.is((await register(shop, storeId, tax)).status, 200);
  await shop.importCsv(storeId, 'sku,name,price,gst,hsn,stock\nG1,Ghee 1L,630,5,0405,50\n');
  const { cartId } = (await shop.write<{ cartId: string }>('POST', '/carts')).body;
  await shop.write('PUT', `/carts/${cartId}/items/${storeId}.G1`, { quantity: 1 });
  return { storeId, cartId };
}

type Refused = { code: string };

for (const state of ['03', 'Punjab']) {
  test(`goods that are brought across a state border bear IGST, as ${state} says`, async ({
    shop,
  }) => {
    const { cartId } = await fillAcrossBorder(shop, CHANDIGARH.registration);
    const path = `/carts/${cartId}/quotes`;
    const asked = await shop.write<Refused>('POST', path, { address: { pincode: '160055' } });
    assert.equal([asked.status, asked.body.code], [422, 'STATE_NEEDED']);
    const where = { address: { pincode: '160055', state } };
    const quoted = await shop.write<{ token: string; parts: { taxPaise: number }[] }>(
      'POST',
      path,
      where,
    );
    assert.is(quoted.body.parts[0]!.taxPaise, 3_000);
    const wish = { cartId, quote: quoted.body.token, payment: 'cash-on-delivery' };
    const address = { ...MOHALI, state };
    const wanted = { ...wish, contact: recipient.contact, address };
    const unsaid = await shop.write<Refused>('POST', '/orders', { ...wanted, address: MOHALI });
    assert.equal([unsaid.status, unsaid.body.code], [422, 'STATE_NEEDED']);
    const placed = await shop.write<Placed>('POST', '/orders', wanted);
    assert.is(placed.status, 201);
    const { orderId, storeOrders } = placed.body;
    await shop.read(`/orders/${orderId}`, placed.position);
    await work(shop, storeOrders[0]!.storeOrderId);
    const invoice = await untilInvoiced(shop, orderId, storeOrders[0]!.storeOrderId);
    assert.is(invoice.placeOfSupply, '03');
    assert.is(invoice.address!.state, '03');
    assert.is(invoice.kind, 'tax-invoice');
    const tax = { taxablePaise: 60_000, cgstPaise: 0, sgstPaise: 0, igstPaise: 3_000 };
    assert.equal(invoice.totals, [{ gstPercent: 5, linePaise: 63_000, ...tax }]);
  });
}

test('a shop that may charge no tax is quoted within its state only', async ({ shop }) => {
  const composition = { ...CHANDIGARH.registration, composition: true };
  const unregistered = { gstin: null, legalName: 'Sector Stores', address: 'Sector 17' };
  const elsewhere = { ...unregistered, state: 'Chandigarh' };
  const quotes = async (tax: object | null, address: object) => {
    const { cartId } = await fillAcrossBorder(shop, tax);
    const answer = await shop.write<Refused>('POST', `/carts/${cartId}/quotes`, { address });
    return answer.status === 200 ? 200 : answer.body.code;
  };
  for (const tax of [composition, elsewhere, unregistered, null]) {
    assert.is(await quotes(tax, { pincode: '160055', state: '03' }), 'OUT_OF_STATE');
    assert.is(await quotes(tax, { pincode: '160017' }), 200);
  }
  assert.is(await quotes(elsewhere, { pincode: '160055', state: '04' }), 200);
});

test('a few grams that cost nothing are billed, with what bringing them cost', async ({ shop }) => {
  for (const feePaise of [2_500, 0]) {
    const storeId = await openStore(shop);
    await register(shop, storeId);
    await shop.importCsv(storeId, 'sku,name,price,gst,grams_each\nkesar,Saffron,1,5,10\n');
    const fee = { steps: [{ fromMetres: 0, fromPaise: 0, feePaise }], freeFromPaise: null };
    await shop.write('PUT', `/stores/${storeId}/fee`, fee);
    const { cartId } = (await shop.write<{ cartId: string }>('POST', '/carts')).body;
    const listingId = `${storeId}.kesar`;
    await shop.write('PUT', `/carts/${cartId}/items/${listingId}`, { quantity: 1 });
    const quote = await quoteCart(shop, cartId);
    const wish = { cartId, quote, ...recipient, payment: 'cash-on-delivery' };
    const placed = await shop.write<Placed>('POST', '/orders', wish);
    const { orderId, storeOrders } = placed.body;
    const { storeOrderId } = storeOrders[0]!;
    await shop.read(`/orders/${orderId}`, placed.position);
    await work(shop, storeOrderId, ['accept']);
    const picks = { lines: [{ listingId, quantity: 1, grams: 9 }] };
    assert.is((await takeAsShop(shop, storeOrderId, 'picks', picks)).status, 200);
    await work(shop, storeOrderId, ['pack', 'dispatch', 'deliver']);
    const invoice = await untilInvoiced(shop, orderId, storeOrderId);
    assert.equal([invoice.lines[0]!.linePaise, invoice.totalPaise], [0, feePaise]);
  }
});

test('a bill has the shop’s FSSAI number, and the GSTIN of a business that buys', async ({
  shop,
}) => {
  const storeId = await openStore(shop);
  const fssai = '11217332000123';
  assert.is((await register(shop, storeId, { ...registration, fssai: '123' })).status, 400);
  assert.is((await register(shop, storeId, { ...registration, fssai })).status, 200);
  const { cartId } = (await shop.write<{ cartId: string }>('POST', '/carts')).body;
  await shop.write('PUT', `/carts/${cartId}/items/${storeId}.dal`, { quantity: 1 });
  const buyer = { gstin: ' 27aapfu0939f1zv', legalName: ' Asha Caterers ' };
  const quote = await quoteCart(shop, cartId);
  const wish = { cartId, quote, ...recipient, payment: 'cash-on-delivery' };
  const wrong = { ...buyer, gstin: '27AAPFU0939F1ZX' };
  const refused = await shop.write<Refused>('POST', '/orders', { ...wish, buyer: wrong });
  assert.equal([refused.status, refused.body.code], [422, 'INVALID_GSTIN']);
  const placed = await shop.write<Placed>('POST', '/orders', { ...wish, buyer });
  assert.is(placed.status, 201);
  const { orderId, storeOrders } = placed.body;
  const { storeOrderId } = storeOrders[0]!;
  await shop.read(`/orders/${orderId}`, placed.position);
  await work(shop, storeOrderId);
  const invoice = await untilInvoiced(shop, orderId, storeOrderId);
  assert.is(invoice.supplier.fssai, fssai);
  assert.equal(invoice.buyer, { gstin: '27AAPFU0939F1ZV', legalName: 'Asha Caterers' });
  const path = `/store-orders/${storeOrderId}/invoice`;
  assert.is((await shop.read(path, null, STRANGER)).status, 401);
});

test('cash is taken and given back in whole rupees, and the bill says so', async ({ shop }) => {
  const storeId = await openStore(shop);
  await shop.importCsv(storeId, 'sku,name,price\ndal,Toor dal,105.30\nmilk,Milk,28.35\n');
  const { orderId, storeOrders } = await order(shop, storeId);
  const { storeOrderId } = storeOrders[0]!;
  await work(shop, storeOrderId);
  const invoice = await untilInvoiced(shop, orderId, storeOrderId);
  assert.equal([invoice.totalPaise, invoice.roundingPaise], [26_730, -30]);
  type Paid = { payments: { takenPaise: number; refundedPaise: number }[] };
  const untilPaid = (isSo: (paid: Paid['payments'][number]) => boolean) =>
    shop.untilLive<Paid>(
      `/orders/${orderId}`,
      ({ payments: [one] }) => one !== undefined && isSo(one),
    );
  await untilPaid(({ takenPaise }) => takenPaise === 26_700);
  const back = { lines: [{ listingId: `${storeId}.milk`, quantity: 1 }], reason: 'returned' };
  const returned = await takeAsShop(shop, storeOrderId, 'returns', { ...back, to: 'shelf' });
  assert.is(returned.status, 200, JSON.stringify(returned.body));
  // Of 267.30 less 28.35, 238 rupees stay paid.
  await untilPaid(({ refundedPaise }) => refundedPaise === 2_900);
});

test('whom it is for is seen by the shopper and the shop, and the list by the shop alone', async ({
  shop,
}) => {
  const storeId = await openStore(shop);
  const { orderId, storeOrders } = await order(shop, storeId);
  const { storeOrderId } = storeOrders[0]!;
  assert.is((await shop.read(`/store-orders/${storeOrderId}/invoice`)).status, 404);
  await work(shop, storeOrderId);
  await untilInvoiced(shop, orderId, storeOrderId);
  const seen = async (headers: Record<string, string>) => {
    const path = `/store-orders/${storeOrderId}/invoice`;
    const answer = await shop.read<InvoicePaper>(path, null, { ...STRANGER, ...headers });
    if (answer.status !== 200) return answer.status;
    assert.is(answer.headers.get('cache-control'), 'private, no-store');
    assert.not.ok(JSON.stringify(answer.body).includes(orderId));
    return [answer.body.contact?.name, answer.body.orderNumber];
  };
  const whole = ['Asha Rao', orderId.slice(-6).toUpperCase()];
  assert.equal(await seen({}), 401);
  assert.equal(await seen(shop.newShopper()), 404);
  assert.equal(await seen(shop.asShop('another')), 401);
  assert.equal(await seen({ ...shop.asShop('another'), ...shop.newShopper() }), 404);
  assert.equal(await seen(shop.shopper), whole);
  assert.equal(await seen(shop.asShop(storeId)), whole);
  assert.is((await shop.read(`/stores/${storeId}/invoices`, null, STRANGER)).status, 401);
});

test(`${DELIVERIES} deliveries at once are numbered 1 to ${DELIVERIES}, and listed page by page`, async ({
  shop,
}) => {
  const storeId = await openStore(shop);
  const orders = await Promise.all(
    Array.from({ length: DELIVERIES + 1 }, () => order(shop, storeId)),
  );
  const ids = orders.map(({ storeOrders }) => storeOrders[0]!.storeOrderId);
  const rejected = ids.pop()!;
  await Promise.all(ids.map((id) => work(shop, id, STEPS.slice(0, 4))));
  await takeAsShop(shop, rejected, 'reject');
  // Each twice, as a shopkeeper with a bad connection does.
  await Promise.all([...ids, ...ids].map((id) => work(shop, id, ['deliver'])));
  await Promise.all(ids.map((id, at) => untilInvoiced(shop, orders[at]!.orderId, id)));
  const issued = await registerOf(shop, storeId);
  assert.equal(
    issued.map(({ sequence }) => sequence),
    Array.from({ length: DELIVERIES }, (_, index) => index + 1),
  );
  assert.equal(new Set(issued.map(({ storeOrderId }) => storeOrderId)), new Set(ids));

  const headers = { authorization: `Bearer ${shop.passOf(storeId)}` };
  const page = async (query: string) =>
    (await shop.read<InvoicePage>(`/stores/${storeId}/invoices${query}`, null, headers)).body;
  const newest = await page('');
  assert.equal([newest.years, newest.year, newest.next], [[year], year, null]);
  assert.equal(
    newest.invoices.map(({ number }) => number),
    issued.map(({ number }) => number).toReversed(),
  );
  const rest = await page(`?year=${year}&after=3`);
  assert.equal(
    rest.invoices.map(({ number }) => number),
    [issued[1]!.number, issued[0]!.number],
  );
});

test('when a step dies before or after its append, the next try bills once and leaves no gap', async ({
  shop,
}) => {
  const storeId = await openStore(shop);
  const first = await order(shop, storeId);
  const { storeOrderId } = first.storeOrders[0]!;
  const { handle } = shop.handler;
  const deaths = ['before', 'after'];
  shop.handler.handle = async (decider, id, command, context) => {
    const death = command.type === 'IssueInvoice' ? deaths.shift() : undefined;
    const outcome = death === 'before' ? undefined : await handle(decider, id, command, context);
    if (death || !outcome) throw new Error(`killed ${death} the append`);
    return outcome;
  };
  await work(shop, storeOrderId);
  // Something else is delivered while the first waits for its second try.
  const second = await order(shop, storeId);
  await work(shop, second.storeOrders[0]!.storeOrderId);
  for (const { orderId, storeOrders } of [first, second]) {
    await untilInvoiced(shop, orderId, storeOrders[0]!.storeOrderId);
  }
  // A server that has seen nothing takes the same step.
  const cause = { correlationId: randomUUID(), causationId: randomUUID() };
  const at = new Date().toISOString();
  await driveInvoice(createHandler(shop.client, shop.log, wallClock), storeOrderId, at, cause);
  assert.equal(deaths, []);
  shop.handler.handle = handle;
  const issued = await registerOf(shop, storeId);
  assert.equal(
    issued.map(({ sequence }) => sequence),
    [1, 2],
  );
  assert.equal(
    new Set(issued.map((invoice) => invoice.orderId)),
    new Set([first.orderId, second.orderId]),
  );
});

test('what comes back is credited by itself, once for a key, and never more than it billed', async ({
  shop,
}) => {
  const storeId = await openStore(shop);
  await register(shop, storeId);
  const { orderId, storeOrders } = await order(shop, storeId);
  const { storeOrderId } = storeOrders[0]!;
  const credit = (quantity: number, key = newKey(), more = {}) =>
    takeAsShop<{ number: string }>(
      shop,
      storeOrderId,
      'returns',
      {
        lines: [{ listingId: `${storeId}.dal`, quantity }],
        reason: 'damaged',
        to: 'write-off',
        ...more,
      },
      { 'idempotency-key': key },
    );
  const early = await credit(1);
  assert.equal([early.status, Reflect.get(early.body, 'code')], [404, 'INVOICE_NOT_FOUND']);
  await work(shop, storeOrderId);
  await untilInvoiced(shop, orderId, storeOrderId);
  assert.is((await credit(3)).status, 409);
  assert.is((await credit(1, newKey(), { reason: 'a whim' })).status, 400);
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 20 }, () => credit(1, key)));
  for (const { status, body } of answers) {
    assert.equal([status, body.number], [200, `C${year.slice(2)}/000001`]);
  }
  assert.is((await credit(2, key)).status, 422);
  const raced = await Promise.all(Array.from({ length: 10 }, () => credit(1)));
  const wanted = (status: number) => raced.filter((answer) => answer.status === status).length;
  assert.equal([wanted(200), wanted(409)], [1, 9]);
  const { position } = raced.find(({ status }) => status === 200)!;
  const { body } = await shop.read<InvoicePaper>(`/store-orders/${storeOrderId}/invoice`, position);
  assert.is(body.creditedPaise, 21_000);
  assert.equal(
    body.creditNotes.map(({ number, reason, totalPaise }) => [number, reason, totalPaise]),
    [
      [`C${year.slice(2)}/000001`, 'damaged', 10_500],
      [`C${year.slice(2)}/000002`, 'damaged', 10_500],
    ],
  );
  const returns: string[] = [];
  for await (const { type, id } of readStream(shop.client, `storeorder-${storeOrderId}`)) {
    if (type === 'LinesReturned') returns.push(id);
  }
  const causes: string[] = [];
  const notes = `invoices-${registerId(storeId, year)}`;
  for await (const { type, metadata } of readStream(shop.client, notes)) {
    if (type === 'CreditNoteIssued') causes.push(metadata.$causationId);
  }
  assert.equal(causes, returns, 'each because of what came back');
});

test('of a delivery of which nothing was as it should be, the fee is credited as well', async ({
  shop,
}) => {
  const storeId = await openStore(shop);
  await register(shop, storeId);
  const steps = [{ fromMetres: 0, fromPaise: 0, feePaise: 2_660 }];
  await shop.write('PUT', `/stores/${storeId}/fee`, { steps, freeFromPaise: null });
  const { orderId, storeOrders } = await order(shop, storeId);
  const { storeOrderId } = storeOrders[0]!;
  await work(shop, storeOrderId);
  const bill = await untilInvoiced(shop, orderId, storeOrderId);
  assert.is(bill.totalPaise, 29_260);
  const bring = (sku: string) =>
    takeAsShop(shop, storeOrderId, 'returns', {
      lines: [{ listingId: `${storeId}.${sku}`, quantity: 2 }],
      reason: 'damaged',
      to: 'none',
    });
  await bring('dal');
  const { position } = await bring('milk');
  const path = `/store-orders/${storeOrderId}/invoice`;
  const { body } = await shop.read<InvoicePaper>(path, position);
  const [dal, milk] = body.creditNotes;
  assert.equal([dal!.totalPaise, dal!.fees], [21_000, []]);
  assert.equal([milk!.totalPaise, milk!.fees], [8_260, bill.fees]);
  assert.is(body.creditedPaise, bill.totalPaise);
  type StoreOrders = { storeOrders: { owedPaise: number }[] };
  const { body: page } = await shop.read<StoreOrders>(`/orders/${orderId}`, position);
  assert.is(page.storeOrders[0]!.owedPaise, 0);
});

test('what comes back after the November that follows the fiscal year is not credited', async () => {
  let today = new Date();
  const later = await startShop({ now: () => today });
  try {
    const storeId = await openStore(later);
    await register(later, storeId);
    const { orderId, storeOrders } = await order(later, storeId);
    const { storeOrderId } = storeOrders[0]!;
    await work(later, storeOrderId);
    await untilInvoiced(later, orderId, storeOrderId);
    const lines = [{ listingId: `${storeId}.dal`, quantity: 1 }];
    const bring = (instant: Date) => {
      today = instant;
      const back = { lines, reason: 'returned', to: 'none' };
      return takeAsShop(later, storeOrderId, 'returns', back);
    };
    const last = Date.parse(`${creditableUntil(businessDate(Date.now()))}T18:29:59Z`);
    const head = await headOfCommands(later.client);
    const refused = await bring(new Date(last + 1_000));
    assert.equal([refused.status, Reflect.get(refused.body, 'code')], [409, 'CREDIT_TOO_LATE']);
    assert.is(await headOfCommands(later.client), head, 'nothing came back');
    assert.is((await bring(new Date(last))).status, 200);
  } finally {
    await later.stop();
  }
});

test('the rate in force on the day of the delivery counts', async ({ shop }) => {
  const storeId = await openStore(shop);
  await register(shop, storeId);
  const rates = ['sku,name,price,gst,gst_from', 'dal,Toor dal,105,12,2017-07-01'];
  await shop.importCsv(storeId, rates.join('\n'));
  await shop.importCsv(storeId, rates.join('\n').replace('12,2017-07-01', '18,2025-09-22'));
  await shop.importCsv(storeId, rates.join('\n').replace('12,2017-07-01', '40,2999-01-01'));
  const again = await shop.importCsv<{ unchanged: number }>(
    storeId,
    rates.join('\n').replace('12,2017-07-01', '18,2025-09-22'),
  );
  assert.is(again.body.unchanged, 1);
  const listing = await shop.read(`/listings/${storeId}.dal`, again.position);
  assert.is(listing.body.gstPercent, 5);

  const { storeOrders } = await order(shop, storeId);
  const { storeOrderId } = storeOrders[0]!;
  await work(shop, storeOrderId, STEPS.slice(0, 2));
  const cause = { correlationId: randomUUID(), causationId: randomUUID() };
  // 18:31 UTC on 21 September is the 22nd in India.
  await driveInvoice(shop.handler, storeOrderId, '2025-09-21T18:31:00Z', cause);
  const stream = `invoices-${registerId(storeId, '2025-26')}`;
  for await (const { data } of readStream(shop.client, stream)) {
    const { date, lines, number } = data as Invoice;
    assert.equal([date, number, lines[0]!.gstPercent], ['2025-09-22', '25-26/000001', 18]);
  }
});

test('a registration that cannot be right is refused and changes nothing', async ({ shop }) => {
  const storeId = await openStore(shop);
  const bad: [number, object][] = [
    [422, { ...registration, gstin: '29AAGCB7383J1Z5' }],
    [422, { ...registration, gstin: null, composition: true }],
    [400, { ...registration, legalName: ' ' }],
    [400, { gstin: null }],
  ];
  for (const [status, body] of bad) {
    assert.is((await register(shop, storeId, body)).status, status, JSON.stringify(body));
  }
  assert.is((await register(shop, randomUUID())).status, 404);
  const first = await register(shop, storeId, { ...registration, gstin: ' 29aagcb7383j1z4' });
  const second = await register(shop, storeId);
  assert.equal([first.status, second.status], [200, 200]);
  assert.is(second.position, first.position);
  const headers = { authorization: `Bearer ${shop.passOf(storeId)}` };
  const page = await shop.read<InvoicePage>(
    `/stores/${storeId}/invoices`,
    second.position,
    headers,
  );
  const known = { ...registration, composition: false, state: '29', fssai: null };
  assert.equal(page.body.registration, known);
  assert.equal([page.body.year, page.body.invoices], [null, []]);
});

test.run();
