import { SvelteMap } from 'svelte/reactivity';
import { ApiError, command, newKey, readOwn } from './api.ts';
import { viewOf, type Wish } from './cart-view.ts';
import type { Cart } from './contract.ts';
import { notices } from './notice.svelte.ts';
import { backoffMs, pause } from './pause.ts';
import { keep, recall } from './storage.ts';

const CART_KEY = 'doorstep.cart';
/** More of one thing is a phone call, not a tap; a cart itself takes up to 999. */
export const MAX_QUANTITY = 99;

const REOPEN_ATTEMPTS = 6;
const FIRST_REOPEN_MS = 200;
const MAX_REOPEN_MS = 4_000;

/** The cart is gone or was ordered, perhaps in another tab: the next item opens a new one. */
const ENDED_CODES = new Set(['CART_NOT_FOUND', 'CART_CHECKED_OUT']);

/**
 * The shopper's cart. It owns the cart's id, which opens nothing: whose it is says the session.
 * Changes show at once and are sent one after the other, so that the server sees
 * them in the order in which they were tapped; several taps on one product become one request.
 */
class CartState {
  #id: string | null = null;
  #cart = $state.raw<Cart | null>(null);
  /** From the tap until a read has shown them: unsent, then on their way, then answered. */
  #wishes = new SvelteMap<string, Wish>();
  #unsent = new Set<string>();
  #answered = new Set<string>();
  #sending: Promise<void> | null = null;

  /** Whether the cart was read, so that "empty" is known and not merely assumed. */
  status = $state<'loading' | 'ready' | 'failed'>('loading');
  view = $derived(viewOf(this.#cart, this.#wishes));

  get id(): string | null {
    return this.#id;
  }

  /** The cart as the server has it; null while something that was wished is on its way there. */
  get settled(): Cart | null {
    return this.#wishes.size === 0 ? this.#cart : null;
  }

  quantityOf(listingId: string): number {
    const wish = this.#wishes.get(listingId);
    if (wish) return wish.quantity;
    const lines = this.#cart?.stores.flatMap((store) => store.lines) ?? [];
    return lines.find((line) => line.listingId === listingId)?.quantity ?? 0;
  }

  /** Reads the cart that this browser has, if it has one. For the browser only. */
  async load(): Promise<void> {
    this.#id = recall(CART_KEY);
    if (!this.#sending) await this.#read();
  }

  /** Wishes for a quantity (0 to 99; 0 removes). Shows at once; a refusal takes it back and says so. */
  set(item: { listingId: string; pricePaise: number }, quantity: number): void {
    this.#wishes.set(item.listingId, { quantity, pricePaise: item.pricePaise });
    this.#answered.delete(item.listingId);
    this.#unsent.add(item.listingId);
    this.#sending ??= this.#send().finally(() => (this.#sending = null));
  }

  /** Waits until everything wished is sent and reads the cart once more, as it will be ordered. */
  async settle(): Promise<void> {
    await this.#sending;
    await this.#read();
  }

  /** The cart was ordered: whatever is added next goes into a new one. */
  end(): void {
    this.#keepId(null);
    this.#cart = null;
    this.#wishes.clear();
    this.#unsent.clear();
    this.#answered.clear();
  }

  /**
   * Takes up the cart of an order that came to nothing; what was put into another one meanwhile
   * goes in as well. Resolves to whether it is open again. Throws `ApiError`.
   */
  async takeBack(cartId: string, orderId: string): Promise<boolean> {
    const back = await readReopened(cartId, orderId);
    if (!back) return false;
    await this.#sending;
    await this.load();
    if (this.#id === cartId) return true;
    const begun = this.#cart?.stores.flatMap(({ lines }) => lines) ?? [];
    this.#keepId(cartId);
    this.#cart = back;
    this.status = 'ready';
    for (const line of begun) {
      const quantity = this.quantityOf(line.listingId) + line.quantity;
      this.set(line, Math.min(quantity, MAX_QUANTITY));
    }
    return true;
  }

  /** Sends what was wished until nothing is left, then reads how it is. Never rejects. */
  async #send(): Promise<void> {
    while (this.#unsent.size > 0) {
      for (const listingId of this.#unsent) {
        this.#unsent.delete(listingId);
        await this.#sendWish(listingId);
      }
      await this.#read();
    }
  }

  async #sendWish(listingId: string): Promise<void> {
    const quantity = this.#wishes.get(listingId)?.quantity;
    if (quantity === undefined) return;
    try {
      await this.#put(listingId, quantity);
      if (!this.#unsent.has(listingId)) this.#answered.add(listingId);
    } catch (error) {
      if (!this.#unsent.has(listingId)) this.#wishes.delete(listingId);
      notices.showError(error);
    }
  }

  async #put(listingId: string, quantity: number): Promise<void> {
    const path = (cartId: string) =>
      `/api/write/carts/${cartId}/items/${encodeURIComponent(listingId)}`;
    try {
      await command('PUT', path(await this.#open()), { quantity }, { key: newKey() });
    } catch (error) {
      if (!(error instanceof ApiError) || !ENDED_CODES.has(error.code)) throw error;
      this.#keepId(null);
      this.#cart = null;
      await command('PUT', path(await this.#open()), { quantity }, { key: newKey() });
    }
  }

  /** The id of the cart, which is opened now if there is none yet. */
  async #open(): Promise<string> {
    if (this.#id) return this.#id;
    const options = { key: newKey() };
    const { cartId } = await command<{ cartId: string }>('POST', '/api/write/carts', {}, options);
    this.#keepId(cartId);
    return cartId;
  }

  async #read(): Promise<void> {
    const answered = [...this.#answered];
    try {
      const cart = this.#id ? await readOwn<Cart>(`/api/read/carts/${this.#id}`) : null;
      if (cart?.status === 'checked-out') this.#keepId(null);
      this.#cart = cart?.status === 'open' ? cart : null;
      this.status = 'ready';
      for (const listingId of answered) {
        // Wished for anew while this was read, it is not answered any more.
        if (this.#answered.delete(listingId)) this.#wishes.delete(listingId);
      }
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        this.#keepId(null);
        this.#cart = null;
        this.status = 'ready';
      } else {
        // What was read before, with the wishes on it, is still the best there is.
        console.info('the cart could not be read:', String(error));
        if (!this.#cart) this.status = 'failed';
      }
    }
  }

  #keepId(cartId: string | null): void {
    this.#id = cartId;
    keep(CART_KEY, cartId);
  }
}

/** A cart that was ordered: an order's end is told a moment before its cart is open. Else null. */
async function readReopened(cartId: string, orderId: string): Promise<Cart | null> {
  for (let attempt = 1; attempt <= REOPEN_ATTEMPTS; attempt++) {
    const found = await readOwn<Cart>(`/api/read/carts/${cartId}`);
    if (found.status === 'open') return found;
    if (found.orderId !== orderId) return null;
    await pause(backoffMs(attempt, FIRST_REOPEN_MS, MAX_REOPEN_MS));
  }
  return null;
}

export const cart = new CartState();
