import { quantile } from './load.ts';
import { openSession, send } from './shop.ts';

/** How long one kind of command took, as whoever sent it saw it. */
export type Latency = { command: string; count: number; p50Ms: number; p99Ms: number };

export type Item = { listingId: string; quantity: number };

export type Order = { orderId: string; storeOrders: { storeOrderId: string; storeId: string }[] };

export type Commands = Awaited<ReturnType<typeof createCommands>>;

const RECIPIENT = {
  contact: { name: 'Asha Rao', phone: '9876543210' },
  address: { line1: '12, 4th Cross', city: 'Bengaluru', pincode: '560001' },
  payment: 'cash-on-delivery',
};

/** Sends commands to write-api, in the name of one guest, and keeps how long each kind of them took. */
export async function createCommands(writeApi: string) {
  const guest = await openSession(writeApi);
  const tookMs = new Map<string, number[]>();

  /** `command` names the kind in the figures; `pass` is of the shop that sends it. Throws `Refused`. */
  async function take<T>(
    command: string,
    method: string,
    path: string,
    body?: object,
    pass?: string,
  ): Promise<T> {
    const began = performance.now();
    try {
      const text = body && JSON.stringify(body);
      return await send<T>(`${writeApi}/api/write${path}`, method, text, { pass, guest });
    } finally {
      const times = tookMs.get(command) ?? [];
      times.push(performance.now() - began);
      tookMs.set(command, times);
    }
  }

  return {
    take,

    async openCart(): Promise<string> {
      return (await take<{ cartId: string }>('open a cart', 'POST', '/carts')).cartId;
    },

    setItem: (cartId: string, { listingId, quantity }: Item) =>
      take('put an item', 'PUT', `/carts/${cartId}/items/${listingId}`, { quantity }),

    /** Asks what the cart costs and orders it, cash on delivery. */
    async order(cartId: string): Promise<Order> {
      const { pincode } = RECIPIENT.address;
      const wanted = { address: { pincode } };
      const quoted = await take<{ token: string }>(
        'quote',
        'POST',
        `/carts/${cartId}/quotes`,
        wanted,
      );
      const body = { ...RECIPIENT, cartId, quote: quoted.token };
      return await take<Order>('order', 'POST', '/orders', body);
    },

    /** From the first item to the confirmed order, as one shopper does it: step by step. */
    async buy(items: Item[]): Promise<Order> {
      const cartId = await this.openCart();
      for (const item of items) await this.setItem(cartId, item);
      return this.order(cartId);
    },

    /** Since the last call. */
    latencies(): Latency[] {
      const all = [...tookMs].map(([command, times]) => ({
        command,
        count: times.length,
        p50Ms: quantile(times, 0.5),
        p99Ms: quantile(times, 0.99),
      }));
      tookMs.clear();
      return all;
    },
  };
}
