import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { orderBeingPaid, rememberOrder, rememberPaying } from './orders.ts';

const orders = suite('orders');

/** What `storage.ts` needs of a browser's storage. */
function emptyStorage() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

const openTab = () => define('sessionStorage', emptyStorage());

orders.before.each(() => {
  define('document', {});
  define('localStorage', emptyStorage());
  openTab();
});

orders.after(() => define('document', undefined));

const place = (orderId: string, placedAt: string) =>
  rememberOrder({ orderId, placedAt, totalPaise: 100, shops: ['Test Kirana'] });

orders('a browser that ordered nothing comes back to no order', () => {
  assert.is(orderBeingPaid(), null);
});

orders('where it is not known which order is paid it is the newest', () => {
  place('newer', '2026-11-21T10:00:00Z');
  place('older', '2026-11-20T10:00:00Z');
  assert.is(orderBeingPaid(), 'newer');
});

orders('of several orders it is the one whose payment was opened', () => {
  place('older', '2026-11-20T10:00:00Z');
  place('newer', '2026-11-21T10:00:00Z');
  rememberPaying('older');
  assert.is(orderBeingPaid(), 'older');
});

orders('each of two tabs comes back to its own, and a third to the last one', () => {
  rememberPaying('first');
  const { sessionStorage: ofFirst } = globalThis;
  openTab();
  rememberPaying('second');
  assert.is(orderBeingPaid(), 'second');
  openTab();
  assert.is(orderBeingPaid(), 'second');
  define('sessionStorage', ofFirst);
  assert.is(orderBeingPaid(), 'first');
});

orders.run();
