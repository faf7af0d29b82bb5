import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openBrowser, tellBreaches } from './browser.ts';
import { openSession } from '../perf/shop.ts';
import { freePort } from '../platform/free-port.ts';
import { within } from './promised-time.ts';
import { IS_THOROUGH } from './thorough.ts';
import { assertGuarded, pagePolicyOf } from './security-headers.ts';
import { STUCK_MS, untilSo } from './until-so.ts';

const ROOT = resolve(import.meta.dirname, '..');
const BACK_WITHIN_MS = 2_000;
const SECOND_START_MS = 10_000;

/** In pixels: a phone and a desk. */
const WIDTHS = [360, 1280];
const TAKES_PICTURES = process.env.SCREENSHOTS !== undefined;
let walks = 0;

/** At which widths a walk is taken: at both where time is no matter, else turn by turn at one. */
const widths = (): number[] =>
  IS_THOROUGH || TAKES_PICTURES ? WIDTHS : [WIDTHS[walks++ % WIDTHS.length]!];

type Context = {
  system: ChildProcess;
  dataDir: string;
  port: number;
  url: string;
  browser: Browser;
  boardUrl: string;
  shopUrl: string;
};

/** What `npm start` prints of a demo shop: its storefront and its board with the pass. */
type Printed = { shopUrl: string; boardUrl: string };

const test = suite<Context>('walk');

test.before(async (context) => {
  context.dataDir = await mkdtemp(join(tmpdir(), 'doorstep-walk-'));
  context.port = await freePort();
  context.url = `http://localhost:${context.port}`;
  context.system = start(context);
  Object.assign(context, await firstShop(context.system));
  await importList(context, 'sku,name,price\naamras,Aamras,58');
  context.browser = await openBrowser();
});

test.after(async ({ browser, system, dataDir }) => {
  await browser?.close();
  system.kill('SIGTERM');
  if (system.exitCode === null) await once(system, 'exit');
  await rm(dataDir, { recursive: true, force: true });
});

/** The headers of the first demo shop's staff. */
const asStaff = ({ boardUrl }: Context) => ({
  authorization: `Bearer ${boardUrl.split('#pass=')[1]!}`,
});

/** Sends the first demo shop a price list, as its staff. */
async function importList(context: Context, body: string): Promise<void> {
  const path = `${context.shopUrl.replace('/stores/', '/api/write/stores/')}/imports`;
  const headers = { 'content-type': 'text/csv', ...asStaff(context) };
  const { ok, status } = await fetch(path, { method: 'POST', headers, body });
  assert.ok(ok, `${status}`);
}

const start = ({ port, dataDir }: Context): ChildProcess =>
  spawn(process.execPath, ['local/main.ts'], {
    cwd: ROOT,
    env: { ...process.env, PORT: `${port}`, DATA_DIR: dataDir, EVENT_STORE_URL: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });

async function firstShop(system: ChildProcess): Promise<Printed> {
  const printed: Partial<Printed> = {};
  for await (const line of createInterface({ input: system.stdout! })) {
    printed.shopUrl ??= /http\S+\/stores\/\S+/.exec(line)?.[0];
    printed.boardUrl ??= /http\S+\/console\/\S+#pass=\S+/.exec(line)?.[0];
    if (printed.shopUrl && printed.boardUrl) {
      system.stdout!.resume();
      return { shopUrl: printed.shopUrl, boardUrl: printed.boardUrl };
    }
  }
  throw new Error('the system ended before it was open');
}

/** What pages did against their own policies, as the browser tells it. */
const breaches: string[] = [];

async function open(browser: Browser, url: string, width: number): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  tellBreaches(context, (breach) => breaches.push(breach));
  context.setDefaultTimeout(STUCK_MS);
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** `Order 1979F1` */
async function orderNumberOn(page: Page): Promise<string> {
  const line = page.getByText(/Order [0-9A-F]{6}/).first();
  return /Order [0-9A-F]{6}/.exec((await line.textContent())!)![0];
}

async function fillRecipient(shopper: Page): Promise<void> {
  await shopper.getByLabel('Name', { exact: true }).fill('Asha Rao');
  await shopper.getByLabel('Mobile number').fill('9876543210');
  await shopper.getByLabel('House and street').fill('12, 4th Cross');
  await shopper.getByLabel('Town or city').fill('Bengaluru');
  await shopper.getByLabel('PIN code').fill('560001');
}

/** Staff who took an order and have it before them to pick. */
async function openToPick(
  { browser, boardUrl }: Context,
  number: string,
  width: number,
): Promise<Page> {
  const staff = await open(browser, boardUrl, width);
  const article = staff.getByRole('article', { name: number });
  await article.getByRole('button', { name: 'Accept' }).click();
  if (width < 1_000) await staff.getByRole('button', { name: 'Packing' }).click();
  await article.getByRole('link', { name: 'Pick' }).click();
  return staff;
}

for (const width of widths()) {
  test(`from the shelf to the shop's board and back, at ${width} px`, async (context) => {
    const { browser, boardUrl, shopUrl } = context;
    const shopper = await open(browser, shopUrl, width);
    const staff = await open(browser, boardUrl, width);
    await staff.getByText('Live', { exact: true }).waitFor();

    const add = shopper.getByRole('button', { name: /^Add / }).first();
    const item = (await add.getAttribute('aria-label'))!.replace(/^Add /, '');
    await add.click();
    await shopper.getByRole('button', { name: `One more ${item}` }).click();
    await shopper.getByRole('link', { name: /View cart/ }).click();

    await fillRecipient(shopper);
    await shopper.getByRole('button', { name: /Place order/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();

    const number = await orderNumberOn(shopper);
    const article = staff.getByRole('article', { name: number });
    await article.getByText('Asha Rao').waitFor();
    await article.getByText('98765 43210').waitFor();
    await article.getByRole('button', { name: 'Accept' }).click();

    await shopper.getByRole('heading', { level: 1, name: 'Being packed' }).waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot) {
      await shopper.screenshot({ path: join(shot, `order-${width}.png`) });
      await staff.screenshot({ path: join(shot, `board-${width}.png`) });
    }
    await shopper.context().close();
    await staff.context().close();
  });
}

/** What never sells out: a shelf may be half a minute older than the last piece. */
const plentyAt = (shopUrl: string): string => `${shopUrl}?q=Aamras`;

/** A cart of one item, and the checkout filled in but for how it is paid. */
async function toCheckout(browser: Browser, shopUrl: string, width: number): Promise<Page> {
  const shopper = await open(browser, plentyAt(shopUrl), width);
  await shopper.getByRole('button', { name: /^Add / }).first().click();
  await shopper.getByRole('link', { name: /View cart/ }).click();
  await fillRecipient(shopper);
  return shopper;
}

for (const width of widths()) {
  test(`an order by card is paid on another page and goes on by itself, at ${width} px`, async (context) => {
    const { browser, shopUrl } = context;
    const shopper = await toCheckout(browser, shopUrl, width);
    await shopper.getByLabel('Card, UPI or net banking').check();
    const shot = process.env.SCREENSHOTS;
    if (shot)
      await shopper.screenshot({ path: join(shot, `methods-${width}.png`), fullPage: true });
    await shopper.getByRole('button', { name: /Go on to pay/ }).click();
    await shopper.getByRole('heading', { name: 'Waiting for your payment' }).waitFor();
    if (shot) await shopper.screenshot({ path: join(shot, `card-${width}.png`), fullPage: true });
    await shopper.getByRole('link', { name: /^Pay ₹/ }).click();
    await shopper.getByRole('button', { name: 'Let it fail' }).click();
    await shopper.getByText('The last try did not go through').waitFor();
    await shopper.getByRole('link', { name: /^Pay ₹/ }).click();
    await shopper.getByRole('button', { name: /^Pay ₹.* \(test\)/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shopper.getByText('Paid', { exact: true }).waitFor();
    if (shot) await shopper.screenshot({ path: join(shot, `paid-${width}.png`), fullPage: true });
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`of two orders the one that was paid opens, and none elsewhere, at ${width} px`, async (context) => {
    const { browser, shopUrl, url } = context;
    const shopper = await toCheckout(browser, shopUrl, width);
    const orderUrls: string[] = [];
    for (const isFirst of [true, false]) {
      if (!isFirst) {
        await shopper.goto(plentyAt(shopUrl));
        await shopper.getByRole('button', { name: /^Add / }).first().click();
        await shopper.getByRole('link', { name: /View cart/ }).click();
        await fillRecipient(shopper);
      }
      await shopper.getByLabel('Card, UPI or net banking').check();
      await shopper.getByRole('button', { name: /Go on to pay/ }).click();
      await shopper.getByRole('heading', { name: 'Waiting for your payment' }).waitFor();
      orderUrls.push(shopper.url());
    }
    await shopper.goto(orderUrls[0]!);
    const pay = shopper.getByRole('link', { name: /^Pay ₹/ });
    const payUrl = new URL((await pay.getAttribute('href'))!, url).href;
    await pay.click();
    await shopper.getByRole('button', { name: /^Pay ₹.* \(test\)/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    assert.is(shopper.url(), orderUrls[0]);

    // Who pays on another device, or knows a payment's id, sees no order: not even in an address.
    const stranger = await open(browser, payUrl, width);
    await stranger.getByRole('heading', { name: 'Your order is not in this browser' }).waitFor();
    assert.is(stranger.url(), `${url}/payments/return`);
    const shot = process.env.SCREENSHOTS;
    if (shot) await stranger.screenshot({ path: join(shot, `return-${width}.png`) });
    await stranger.getByRole('link', { name: 'Your orders' }).click();
    await stranger.getByRole('heading', { name: 'No orders yet' }).waitFor();
    await stranger.context().close();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`an order that is not paid goes back into the cart, at ${width} px`, async (context) => {
    const { browser, shopUrl, url } = context;
    const shopper = await toCheckout(browser, shopUrl, width);
    const order = async () => {
      await shopper.getByLabel('Card, UPI or net banking').check();
      await shopper.getByRole('button', { name: /Go on to pay/ }).click();
      await shopper.getByRole('heading', { name: 'Waiting for your payment' }).waitFor();
    };
    await order();
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `unpaid-${width}.png`), fullPage: true });
    await shopper.getByRole('button', { name: 'Cancel this order' }).click();
    await shopper.getByRole('heading', { name: 'Your cart' }).waitFor();
    const pieces = shopper.getByRole('group', { name: /^Quantity of / });
    await pieces.getByText('1', { exact: true }).waitFor();

    // As when it runs out of time, while its shopper has begun another cart.
    await fillRecipient(shopper);
    await order();
    const orderUrl = shopper.url();
    await shopper.goto(plentyAt(shopUrl));
    await shopper.getByRole('button', { name: /^Add / }).first().click();
    await shopper.getByRole('link', { name: /View cart/ }).waitFor();
    const orderId = new URL(orderUrl).pathname.split('/').at(-1)!;
    const cancel = `${url}/api/write/orders/${orderId}/cancel`;
    const stranger = await fetch(cancel, { method: 'POST', headers: await openSession(url) });
    assert.is(stranger.status, 404);
    const ended = await shopper.evaluate(
      async (path) => (await fetch(path, { method: 'POST' })).status,
      cancel,
    );
    assert.is(ended, 200);
    await shopper.goto(orderUrl);
    await shopper.getByRole('heading', { name: 'Not ordered' }).waitFor();
    await shopper.getByText('Everything is in your cart again').waitFor();
    if (shot) await shopper.screenshot({ path: join(shot, `ended-${width}.png`), fullPage: true });
    await shopper.getByRole('link', { name: 'in your cart' }).click();
    await pieces.getByText('2', { exact: true }).waitFor();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`what is paid by UPI is confirmed at the board, at ${width} px`, async (context) => {
    const { browser, shopUrl, boardUrl } = context;
    const shopper = await toCheckout(browser, shopUrl, width);
    await shopper.getByLabel('UPI to each shop').check();
    await shopper.getByRole('button', { name: /Go on to pay/ }).click();
    await shopper.getByRole('heading', { name: 'Waiting for your payment' }).waitFor();
    const link = shopper.getByRole('link', { name: 'Open UPI app' });
    assert.match((await link.getAttribute('href'))!, /^upi:\/\/pay\?pa=\S+@okdemo&.*&cu=INR&/);
    await shopper.getByRole('img', { name: /QR code/ }).waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `upi-${width}.png`), fullPage: true });

    const staff = await open(browser, boardUrl, width);
    await staff.getByText('Money to look after').click();
    await staff.getByRole('button', { name: 'Payment received' }).click();
    // One for each order: it confirms no other.
    const utr = `1234 5678 ${`${width}`.padStart(4, '0')}`;
    await staff.getByLabel('UPI reference number').fill(utr);
    if (shot) await staff.screenshot({ path: join(shot, `received-${width}.png`) });
    await staff.getByRole('button', { name: 'I got it' }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await staff.getByRole('button', { name: 'Payment received' }).waitFor({ state: 'detached' });
    await staff.context().close();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`picked, substituted, handed over with the code, at ${width} px`, async (context) => {
    const { browser, boardUrl, shopUrl } = context;
    const [first, second, third] = [`Jaggery ${width}`, `Tamarind ${width}`, `Kokum ${width}`];
    const rows = [first, second, third].map((name, at) => `pick-${width}-${at},${name},${60 - at}`);
    await importList(context, ['sku,name,price', ...rows].join('\n'));
    const shoot = async (page: Page, name: string) => {
      const shot = process.env.SCREENSHOTS;
      if (shot) await page.screenshot({ path: join(shot, `${name}-${width}.png`) });
    };
    const shopper = await open(browser, `${shopUrl}?q=${width}`, width);
    for (const name of [first, second]) {
      await shopper.getByRole('button', { name: `Add ${name}`, exact: true }).click();
      await shopper.getByRole('button', { name: `One more ${name}` }).waitFor();
    }
    await shopper.getByRole('button', { name: `One more ${first}` }).click();
    await shopper.getByRole('link', { name: /View cart/ }).click();
    await shopper.getByLabel(`If ${second} is not there`).selectOption('The best match');
    await shoot(shopper, 'wish');
    await fillRecipient(shopper);
    await shopper.getByRole('button', { name: /Place order/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shoot(shopper, 'placed');
    const number = await orderNumberOn(shopper);

    const staff = await openToPick(context, number, width);
    await staff
      .getByRole('article', { name: first })
      .getByRole('button', { name: 'All 2' })
      .click();
    await shoot(staff, 'pick');
    const missing = staff.getByRole('article', { name: second });
    await missing.getByRole('button', { name: 'Substitute…' }).click();
    const shelf = staff.getByRole('dialog');
    await shelf.getByRole('radio', { name: third }).check();
    assert.is(await shelf.getByRole('radio', { name: second }).count(), 0);
    await shoot(staff, 'substitute');
    await staff.getByRole('button', { name: 'Ask the customer' }).click();
    await missing.getByText('your best match').waitFor();

    const yes = shopper.getByRole('button', { name: 'Yes, take it' });
    await shopper.getByRole('heading', { level: 1, name: 'A question for you' }).waitFor();
    await shoot(shopper, 'asked');
    await yes.click();
    await shopper.getByText(`You take what was proposed for ${second}`).waitFor();
    await shopper.getByText('1 ordered: 1 replaced').waitFor();
    await staff.getByRole('button', { name: 'Packed' }).click();
    await staff.getByRole('button', { name: 'Out for delivery' }).click();
    await staff.getByLabel('Code of the customer').waitFor();
    await shopper.getByRole('heading', { level: 1, name: 'On the way' }).waitFor();
    await shoot(shopper, 'on-the-way');
    const code = await shopper.getByText(/^\d{4}$/).textContent();
    await staff.getByLabel('Code of the customer').fill(code!);
    await shoot(staff, 'hand-over');
    await staff.getByRole('button', { name: 'Delivered', exact: true }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Delivered' }).waitFor();
    await shopper.getByRole('link', { name: /^Bill / }).click();
    await shopper.getByText(first).first().waitFor();
    await shoot(shopper, 'bill');
    await staff.goto(boardUrl);
    await staff.getByRole('link', { name: 'Cash' }).click();
    await staff.getByText(number).waitFor();
    await shoot(staff, 'till');

    await staff.goto(boardUrl);
    await staff.getByRole('link', { name: 'Bills' }).click();
    await staff.getByRole('link', { name: /000/ }).first().click();
    await staff.getByText('Take something back').click();
    await staff.getByLabel(first).fill('1');
    await staff.getByRole('button', { name: 'Credit ₹60' }).click();
    await staff.getByRole('link', { name: 'Its own paper, to print' }).click();
    await staff.getByRole('heading', { level: 1, name: 'Credit note' }).waitFor();
    assert.is(await staff.getByRole('article').getByText(third).count(), 0);
    await shoot(staff, 'credit-note');
    await shopper.goBack();
    await shopper.getByText('Still comes back to you').waitFor();
    await shopper.getByText('1 credited', { exact: true }).waitFor();
    await staff.goto(boardUrl);
    await staff.getByText('Money to look after').click();
    await staff.getByRole('button', { name: 'Given back' }).first().click();
    await staff.getByRole('button', { name: 'I gave it back' }).click();
    await shopper.getByText('Given back to you').waitFor();
    await shopper.getByText('Still comes back to you').waitFor({ state: 'detached' });
    await shoot(shopper, 'given-back');
    await shopper.context().close();
    await staff.context().close();
  });
}

for (const width of widths()) {
  test(`what a gateway does not give back the shop hands over, at ${width} px`, async (context) => {
    const { browser, shopUrl } = context;
    // Razorpay gives and takes nothing back below a rupee.
    const [dear, cheap] = [`Almonds ${width}`, `Matches ${width}`];
    const rows = ['sku,name,price', `dear-${width},${dear},90`, `cheap-${width},${cheap},0.50`];
    await importList(context, rows.join('\n'));
    const shot = process.env.SCREENSHOTS;
    const shopper = await open(browser, `${shopUrl}?q=${width}`, width);
    for (const name of [dear, cheap]) {
      await shopper.getByRole('button', { name: `Add ${name}`, exact: true }).click();
      await shopper.getByRole('button', { name: `One more ${name}` }).waitFor();
    }
    await shopper.getByRole('link', { name: /View cart/ }).click();
    await fillRecipient(shopper);
    await shopper.getByLabel('Card, UPI or net banking').check();
    await shopper.getByRole('button', { name: /Go on to pay/ }).click();
    await shopper.getByRole('link', { name: /^Pay ₹/ }).click();
    await shopper.getByRole('button', { name: /^Pay ₹.* \(test\)/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    const number = await orderNumberOn(shopper);

    const staff = await openToPick(context, number, width);
    const missing = staff.getByRole('article', { name: cheap });
    await missing.getByRole('button', { name: 'Not there' }).click();
    await staff.getByRole('dialog').getByRole('button', { name: 'Not there' }).click();
    await staff.getByText('Razorpay says “The reversal amount is not allowed').waitFor();
    const notice = shopper.getByText('could not go back the way you paid');
    await notice.waitFor();
    if (shot) {
      await shopper.screenshot({ path: join(shot, `owed-${width}.png`), fullPage: true });
      await staff.screenshot({ path: join(shot, `owing-${width}.png`) });
    }
    await staff.getByRole('button', { name: 'Given back' }).click();
    await staff.getByRole('button', { name: 'I gave it back' }).click();
    await staff.getByText('Money to look after').waitFor({ state: 'detached' });
    await notice.waitFor({ state: 'detached' });
    await staff.context().close();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`a shopper takes a piece off, and then cancels, at ${width} px`, async (context) => {
    const { browser, shopUrl } = context;
    const item = `Molasses ${width}`;
    await importList(context, `sku,name,price\nless-${width},${item},60`);
    const shopper = await open(browser, `${shopUrl}?q=${encodeURIComponent(item)}`, width);
    await shopper.getByRole('button', { name: `Add ${item}` }).click();
    await shopper.getByRole('button', { name: `One more ${item}` }).click();
    await shopper.getByRole('link', { name: /View cart/ }).click();
    await fillRecipient(shopper);
    await shopper.getByRole('button', { name: /Place order · ₹120/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shopper.getByRole('button', { name: `One less ${item}` }).click();
    await shopper.getByText('1 taken off').waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `less-${width}.png`), fullPage: true });
    await shopper.getByRole('button', { name: /^Cancel this part/ }).click();
    await shopper.getByRole('button', { name: 'Cancel it' }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Cancelled' }).waitFor();
    await shopper.getByText('There is nothing to pay for it.').waitFor();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`a price that rose is shown, and ordered at once accepted, at ${width} px`, async (context) => {
    const { browser, shopUrl } = context;
    const item = `Walnuts ${width}`;
    const setPrice = (rupees: number) =>
      importList(context, `sku,name,price\nwalk-${width},${item},${rupees}`);
    await setPrice(120);
    const shopper = await open(browser, `${shopUrl}?q=${encodeURIComponent(item)}`, width);
    await shopper.getByRole('button', { name: `Add ${item}` }).click();
    await shopper.getByRole('link', { name: /View cart/ }).click();
    await shopper.getByText('Held for you until').waitFor();

    await setPrice(130);
    await shopper.getByRole('button', { name: `One more ${item}` }).click();
    const alert = shopper.getByRole('alert').filter({ hasText: 'Prices rose' });
    await alert.getByText('+₹20').waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `rise-${width}.png`), fullPage: true });
    await fillRecipient(shopper);
    await shopper.getByRole('button', { name: /Accept and order · ₹260/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shopper.getByText('₹260').first().waitFor();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`the bill has the delivery fee until the shopper fetches it, at ${width} px`, async (context) => {
    const { browser, shopUrl } = context;
    const setFee = (feePaise: number) => {
      const steps = [{ fromMetres: 0, fromPaise: 0, feePaise }];
      return tell(context, 'fee', { steps, freeFromPaise: null });
    };
    await setFee(3_000);
    const item = `Cashews ${width}`;
    await importList(context, `sku,name,price\nfee-${width},${item},130`);
    const shopper = await open(browser, `${shopUrl}?q=${encodeURIComponent(item)}`, width);
    await shopper.getByRole('button', { name: `Add ${item}` }).click();
    await shopper.getByRole('link', { name: /View cart/ }).click();
    const bill = shopper.getByLabel('Bill', { exact: true });
    await bill.getByText('₹160', { exact: true }).waitFor();
    assert.is(await shopper.getByText('₹30', { exact: true }).count(), 1);
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `fee-${width}.png`), fullPage: true });
    await shopper.getByRole('button', { name: 'I fetch it' }).click();
    await bill.getByText('₹130', { exact: true }).waitFor();
    assert.is(await shopper.getByText('₹30', { exact: true }).count(), 0);
    await shopper.getByRole('button', { name: 'Delivery' }).click();
    await fillRecipient(shopper);
    await shopper.getByRole('button', { name: /Place order · ₹160/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shopper.getByText('₹160').first().waitFor();
    await shopper.context().close();
    await setFee(0);
  });
}

/** What a shop says of itself. */
async function tell(context: Context, setting: string, body: object): Promise<void> {
  const { url, shopUrl } = context;
  const path = `${url}/api/write/stores/${shopUrl.split('/').at(-1)}/${setting}`;
  const headers = { 'content-type': 'application/json', ...asStaff(context) };
  const { ok, status } = await fetch(path, { method: 'PUT', headers, body: JSON.stringify(body) });
  assert.ok(ok, `${status}`);
}

for (const width of widths()) {
  test(`who is not signed in sees no order and no books, at ${width} px`, async (context) => {
    const { browser, shopUrl, boardUrl } = context;
    const shopper = await toCheckout(browser, shopUrl, width);
    await shopper.getByRole('button', { name: /Place order/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    const number = await orderNumberOn(shopper);
    const [board, pass] = boardUrl.split('#pass=') as [string, string];
    const shot = process.env.SCREENSHOTS;
    const staff = await open(browser, `${board}/stock`, width);
    await staff.getByText('Sign in to see and change what is on the shelf.').waitFor();
    await staff.goto(`${board}/delivery`);
    await staff.getByText('Sign in to change when and where you deliver').waitFor();
    const upi = staff.getByRole('form', { name: 'UPI payments' });
    assert.is(await upi.count(), 0);

    await staff.goto(board);
    await staff.getByText('Sign in to see the orders of this shop.').waitFor();
    const article = staff.getByRole('article', { name: number });
    assert.is(await article.count(), 0);
    if (shot) await staff.screenshot({ path: join(shot, `signed-out-${width}.png`) });
    await staff.getByLabel('Shop pass').fill(`${pass.split('.')[0]!}.${'x'.repeat(22)}`);
    await staff.getByRole('button', { name: 'Sign in' }).click();
    await staff.getByText('does not open this shop any more').waitFor();
    await staff.getByLabel('Shop pass').fill(pass);
    await staff.getByRole('button', { name: 'Sign in' }).click();
    await article.getByRole('button', { name: 'Reject' }).click();
    await staff.getByLabel('We are closed').check();
    await staff.getByRole('button', { name: 'Reject order' }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Not accepted' }).waitFor();

    await staff.getByRole('link', { name: 'Delivery' }).click();
    await upi.getByLabel('In the name of').fill('The shop itself');
    await upi.getByRole('button', { name: 'Save' }).click();
    await staff.getByText('UPI payments are saved.').waitFor();
    if (shot) await staff.screenshot({ path: join(shot, `delivery-${width}.png`), fullPage: true });
    await staff.context().close();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`what nobody takes at the door is cancelled, at ${width} px`, async (context) => {
    const { browser, shopUrl } = context;
    const shopper = await toCheckout(browser, shopUrl, width);
    await shopper.getByRole('button', { name: /Place order/ }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    const number = await orderNumberOn(shopper);
    const staff = await openToPick(context, number, width);
    await staff.getByRole('button', { name: /into the basket$/ }).click();
    await staff.getByRole('button', { name: 'Packed' }).click();
    await staff.getByRole('button', { name: 'Out for delivery' }).click();
    await staff.getByRole('button', { name: 'Not delivered…' }).click();
    await staff.getByLabel('Nobody was at the door').check();
    const shot = process.env.SCREENSHOTS;
    if (shot) await staff.screenshot({ path: join(shot, `door-${width}.png`) });
    await staff.getByRole('button', { name: 'Cancel order' }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Cancelled' }).waitFor();
    await shopper.getByText('It was cancelled: you could not be reached.').waitFor();
    await staff.context().close();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`a shop that paused is asked again without a reload, at ${width} px`, async (context) => {
    const shopper = await toCheckout(context.browser, context.shopUrl, width);
    const place = shopper.getByRole('button', { name: /^Place order · / });
    await place.waitFor();
    await tell(context, 'pause', { paused: true });
    await place.click();
    const again = shopper.getByRole('button', { name: 'Try again' });
    await again.waitFor();
    await shopper.getByRole('alert').getByText('takes no orders just now').waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `paused-${width}.png`), fullPage: true });
    await tell(context, 'pause', { paused: false });
    // As when a tab is looked at again; the edge learns of it half a second later.
    await untilSo(async () => {
      if (await place.isVisible()) return true;
      await shopper.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      return false;
    }, 'the shop is asked again');
    await shopper.getByText('takes no orders just now').waitFor({ state: 'detached' });
    await place.click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shopper.context().close();
  });
}

for (const width of widths()) {
  test(`a shopper's location decides the fee, and none is needed, at ${width} px`, async (context) => {
    const centre = { latitude: 12.9716, longitude: 77.5946 };
    const steps = [{ fromMetres: 2_000, fromPaise: 0, feePaise: 4_321 }];
    await tell(context, 'area', { pincodes: null, within: { centre, radiusMetres: 5_000 } });
    await tell(context, 'fee', { steps, freeFromPaise: null });
    const shopper = await toCheckout(context.browser, context.shopUrl, width);
    await shopper.getByRole('button', { name: 'Use my location' }).click();
    await shopper.getByText('Your PIN code decides instead.').waitFor();
    const bill = shopper.getByLabel('Bill', { exact: true });
    const fee = bill.getByText('₹43.21', { exact: true });
    await bill.getByText('Held for you until').waitFor();
    assert.is(await fee.count(), 0);

    const about3km = { latitude: 12.9986, longitude: 77.5946 };
    await shopper.context().grantPermissions(['geolocation']);
    await shopper.context().setGeolocation(about3km);
    await shopper.getByRole('button', { name: 'Use my location' }).press('Enter');
    await shopper.getByText('Your location goes with the order.').waitFor();
    await fee.waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot) await shopper.screenshot({ path: join(shot, `where-${width}.png`), fullPage: true });
    await shopper.getByRole('button', { name: /Place order · / }).click();
    await shopper.getByRole('heading', { level: 1, name: 'Order placed' }).waitFor();
    await shopper.getByText('₹43.21').waitFor();
    await shopper.context().close();
    await tell(context, 'fee', { steps: [], freeFromPaise: null });
    await tell(context, 'area', { pincodes: null, within: null });
  });
}

for (const width of widths()) {
  test(`what staff count is what shoppers can have, at ${width} px`, async (context) => {
    const { browser, boardUrl, shopUrl } = context;
    const left = width === 360 ? 2 : 3;
    const staff = await open(browser, boardUrl, width);
    await staff.getByRole('link', { name: 'Stock' }).click();
    // Of the first ones some were ordered above.
    const count = staff.getByRole('button', { name: /^Count: / }).last();
    const item = (await count.getAttribute('aria-label'))!.replace(/^Count: /, '');
    await count.click();
    await staff.getByLabel('Pieces on the shelf').fill(`${left}`);
    await staff.getByLabel('Damaged').check();
    const shot = process.env.SCREENSHOTS;
    if (shot) await staff.screenshot({ path: join(shot, `count-${width}.png`) });
    await staff.getByRole('button', { name: 'Save' }).click();
    const row = staff.getByRole('listitem', { name: item }).first();
    await row.getByText(`${left}`, { exact: true }).first().waitFor();
    if (shot) await staff.screenshot({ path: join(shot, `stock-${width}.png`) });

    const shopper = await open(browser, `${shopUrl}?q=${encodeURIComponent(item)}`, width);
    // Until the purge, half a second after the count, the edge has the page of the last walk.
    await untilSo(async () => {
      if (await shopper.getByText(`Only ${left} left`).first().isVisible()) return true;
      await shopper.reload();
      return false;
    }, 'the count is shown');
    await staff.context().close();
    await shopper.context().close();
  });
}

/** Puts down a cart and picks it up again: passes through every process. */
async function shopAnswers(url: string): Promise<boolean> {
  try {
    const guest = await openSession(url);
    const opened = await fetch(`${url}/api/write/carts`, { method: 'POST', headers: guest });
    const { cartId } = (await opened.json()) as { cartId?: string };
    const position = opened.headers.get('doorstep-position');
    if (!cartId || !position) return false;
    const headers = { ...guest, 'doorstep-position': position };
    const read = await fetch(`${url}/api/read/carts/${cartId}`, { headers });
    const page = await fetch(`${url}/cart`);
    return read.ok && page.ok;
  } catch {
    // The edge itself may be what is down.
    return false;
  }
}

/**
 * The pid of a service, as the child of the supervisor that runs this file; undefined without one.
 */
function findPid(system: ChildProcess, file: string): number | undefined {
  const children = `/proc/${system.pid}/task/${system.pid}/children`;
  const pids = readFileSync(children, 'utf8').trim().split(' ').map(Number);
  return pids.find((pid) => commandOf(pid).includes(file));
}

/** Empty for a process that ended since it was listed. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

function pidOf(system: ChildProcess, file: string): number {
  const found = findPid(system, file);
  assert.ok(found, `${file} does not run`);
  return found;
}

/** A list of four rows and an empty line: two articles, of which one has an odd stock. */
const listAt = (width: number, rupees: number) => ({
  name: 'list.csv',
  mimeType: 'text/csv',
  buffer: Buffer.from(
    [
      'sku,name,price,stock',
      `list-${width}-a,Anise ${width},${rupees},5`,
      `list-${width}-b,,10,`,
      `list-${width}-c,Cumin ${width},ten,`,
      '',
      `list-${width}-d,Dill ${width},30,many`,
    ].join('\n'),
  ),
});

for (const width of widths()) {
  test(`a price list is tried, imported, confirmed and taken out, at ${width} px`, async (context) => {
    const { browser, boardUrl, shopUrl } = context;
    const staff = await open(browser, boardUrl, width);
    await staff.getByRole('link', { name: 'Prices' }).click();
    const choose = (rupees: number) =>
      staff.getByLabel('Your list, as CSV').setInputFiles(listAt(width, rupees));
    const report = staff.getByRole('region', { name: 'What came of it' });
    const counted = async (name: string) =>
      Number(await report.locator('dl div', { hasText: name }).locator('dd').innerText());

    await choose(40);
    await staff.getByRole('button', { name: 'Try it first' }).click();
    await report.getByRole('heading', { name: 'Tried only: nothing was changed' }).waitFor();
    assert.equal([await counted('New'), await counted('Not taken')], [2, 2]);
    const shelf = `${shopUrl.replace('/stores/', '/api/read/stores/')}/catalogue?q=Anise+${width}`;
    const { items } = (await (await fetch(shelf)).json()) as { items: unknown[] };
    assert.equal(items, []);

    await staff.getByRole('button', { name: 'Import', exact: true }).click();
    await report.getByRole('heading', { name: 'Imported' }).waitFor();
    assert.equal([await counted('New'), await counted('Not taken')], [2, 2]);
    const rows = await report.getByRole('listitem').locator('strong').allInnerTexts();
    assert.equal(rows, ['Row 3', 'Row 4', 'Row 6']);
    const shot = process.env.SCREENSHOTS;
    if (shot) await staff.screenshot({ path: join(shot, `list-${width}.png`), fullPage: true });

    await choose(80);
    await staff.getByRole('button', { name: 'Import', exact: true }).click();
    const confirming = staff.getByRole('region', { name: 'To confirm' });
    await confirming.getByText('Nothing was changed yet.').waitFor();
    await confirming.getByText('₹40 → ₹80').waitFor();
    await confirming.getByText('1 at least double').waitFor();
    await confirming.getByRole('button', { name: 'Yes, import it' }).click();
    await report.getByRole('heading', { name: 'Imported' }).waitFor();
    assert.equal([await counted('New'), await counted('Changed')], [0, 1]);

    const download = staff.waitForEvent('download');
    await staff.getByRole('button', { name: 'Download' }).click();
    const lines = (await text(await (await download).createReadStream())).split(/\r?\n/);
    const line = lines.find((one) => one.startsWith(`list-${width}-a,`));
    assert.match(line!, `Anise ${width}`);
    assert.match(line!, ',80');
    await staff.context().close();
  });
}

const NOBODY = '00000000-0000-4000-8000-000000000000';

test('an address that can be none is as one where nothing is any more', async (context) => {
  const { url, boardUrl } = context;
  const missing = 'This shelf is empty';
  const board = boardUrl.split('#')[0]!;
  const gone = await fetch(`${url}/stores/${NOBODY}`);
  assert.equal([gone.status, (await gone.text()).includes(missing)], [404, true]);
  const mistyped = [
    '/stores/abc',
    '/stores/abc?q=dal',
    '/listings/abc',
    '/listings/abc.s1',
    `/listings/${NOBODY}`,
    '/orders/abc',
    '/orders/abc/invoices/def',
    `/orders/${NOBODY}/invoices/def`,
    '/console/abc',
    ...['stock', 'delivery', 'prices', 'till', 'invoices'].map((page) => `/console/abc/${page}`),
    ...['orders/abc', 'orders/abc/why', 'invoices/abc'].map(
      (page) => `${board.replace(url, '')}/${page}`,
    ),
  ];
  for (const path of mistyped) {
    const answer = await fetch(`${url}${path}`);
    const page = await answer.text();
    assert.equal([answer.status, page.includes(missing)], [404, true], path);
    assert.not.match(page, /params|must match/, path);
    assert.is(answer.headers.get('cache-control'), 'no-store', path);
  }
});

test('every page and whatever else is at an address has the security headers', async (context) => {
  const { url, shopUrl } = context;
  const storeId = shopUrl.split('/').at(-1)!;
  const ids: Record<string, string> = { storeId, listingId: `${storeId}.s1` };
  const routes = globSync('**/+page.svelte', { cwd: join(ROOT, 'web/src/routes') });
  const pages = routes.map((file) =>
    `/${dirname(file)}`.replace(/^\/\.$/, '/').replace(/\[(\w+)\]/g, (_, id) => ids[id] ?? NOBODY),
  );
  assert.ok(pages.includes('/') && pages.includes(`/console/${storeId}/stock`));
  for (const path of [...pages, '/nowhere', '/%E0%A4%A', '/payments/return?again=1']) {
    const { headers } = await fetch(url + path);
    assert.match(headers.get('content-type')!, 'text/html', path);
    assert.equal(pagePolicyOf(headers, path).get('default-src'), ["'self'"], path);
    const own = { 'content-security-policy': headers.get('content-security-policy') };
    assertGuarded(headers, path, own);
  }
  const html = await (await fetch(url)).text();
  const script = /\/_app\/immutable\/[^"']+\.js/.exec(html)![0];
  const others = ['/favicon.svg', '/robots.txt', '/livez', '/_app/immutable/none.js', script];
  const apis = ['read', 'write'].flatMap((api) => [`${api}/openapi.json`, `${api}/nowhere`]);
  for (const path of [...others, ...apis.map((each) => `/api/${each}`)]) {
    assertGuarded((await fetch(url + path)).headers, path);
  }
});

const PROCESSES = [
  'event-store/main.ts',
  'postgres',
  'write-api/main.ts',
  'write-api/reactor/main.ts',
  'projector/main.ts',
  'read-api/main.ts',
  'web/build/index.js',
  'local/edge.ts',
];

test('each process is given its own secrets only', ({ system }) => {
  const hasSecret = (file: string, name: string) => {
    const given = readFileSync(`/proc/${pidOf(system, file)}/environ`, 'utf8').split('\0');
    return given.some((each) => each.startsWith(`${name}=`));
  };
  const haveOf = (name: string) => PROCESSES.filter((file) => hasSecret(file, name));
  assert.equal(haveOf('VAULT_SECRET'), ['write-api/main.ts', 'read-api/main.ts']);
  assert.equal(haveOf('QUOTE_SECRET'), ['write-api/main.ts']);
  assert.equal(haveOf('RAZORPAY_KEY_SECRET'), ['write-api/main.ts', 'write-api/reactor/main.ts']);
});

for (const file of PROCESSES) {
  test(`when ${file} dies the shop answers again`, async ({ system, url }) => {
    await untilSo(() => shopAnswers(url), 'the shop answers');
    const dead = pidOf(system, file);
    process.kill(dead, 'SIGKILL');
    const diedMs = performance.now();
    // What it started, as Postgres does, may answer for a moment longer.
    const isAnother = () => ![undefined, dead].includes(findPid(system, file));
    const isBack = async () => isAnother() && (await shopAnswers(url));
    await untilSo(isBack, `the shop answers after the death of ${file}`);
    within(BACK_WITHIN_MS, performance.now() - diedMs, `${file} died and the shop answers`);
  });
}

test('stopped and started again, everything is still there', async (context) => {
  const { browser, shopUrl } = context;
  const shopper = await open(browser, shopUrl, 360);
  // What is acknowledged counts, even if it cannot be read back any more.
  await shopper.route('**/api/read/carts/**', (route) => route.abort());
  const acknowledged = shopper.waitForResponse(
    (response) => response.request().method() === 'PUT' && response.ok(),
  );
  await shopper.getByRole('button', { name: /^Add / }).first().click();
  await acknowledged;
  context.system.kill('SIGTERM');
  await once(context.system, 'exit');
  const startedMs = performance.now();
  context.system = start(context);
  await firstShop(context.system);
  within(SECOND_START_MS, performance.now() - startedMs, 'a second start');
  await shopper.unroute('**/api/read/carts/**');
  await shopper.getByRole('link', { name: /View cart/ }).click();
  await shopper.getByRole('button', { name: /Place order/ }).waitFor();
  await shopper.context().close();
});

/** As whoever could write into a page would. */
const SLIP_IN = `
  const script = document.createElement('script');
  script.textContent = 'document.title = "taken over"';
  document.body.append(script);
`;

test('no page of this walk did what its policy forbids, and what does is told', async (context) => {
  assert.equal(breaches.splice(0), []);
  const page = await open(context.browser, context.shopUrl, 360);
  await page.evaluate(SLIP_IN);
  await untilSo(async () => breaches.length > 0, 'the browser tells of the script');
  assert.match(breaches[0]!, 'script-src');
  assert.not.match(await page.title(), 'taken over');
  await page.context().close();
});

test.run();
