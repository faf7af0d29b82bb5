import { command, newKey } from './api.ts';
import type { Cart } from './contract.ts';
import { isQuoteOf, risesOf, type Quote, type Rise } from './quote.ts';

/** The quote that the checkout shows, and at which it orders. */
class QuoteState {
  #shown: Quote | null = null;
  #asked = 0;
  /** Null until it is there, and while the cart is not what was quoted. */
  current = $state.raw<Quote | null>(null);
  /** What costs more than in the quote that was shown before this one. */
  rises = $state.raw<Rise[]>([]);
  /** Why there is none, in words for a person. */
  failure = $state('');

  /** Has a quote of the cart as it was read: the one that is there while it holds, or a new one. */
  async follow(cart: Cart): Promise<void> {
    const { current } = this;
    const holds = current && Date.now() < Date.parse(current.expiresAt);
    if (!holds || !isQuoteOf(current, cart)) await this.renew(cart.cartId);
  }

  /** Asks for a new quote and tells what rose. Never rejects: `failure` says what is wrong. */
  async renew(cartId: string): Promise<void> {
    const asked = ++this.#asked;
    this.current = null;
    this.failure = '';
    try {
      const path = `/api/write/carts/${cartId}/quotes`;
      const quote = await command<Quote>('POST', path, {}, { key: newKey() });
      if (asked !== this.#asked) return;
      this.rises = this.#shown ? risesOf(this.#shown, quote) : [];
      this.#shown = quote;
      this.current = quote;
    } catch (error) {
      if (asked !== this.#asked) return;
      this.failure = error instanceof Error ? error.message : 'That did not work. Try again.';
    }
  }

  /** It was ordered at: the next cart starts without it. */
  end(): void {
    this.#asked++;
    this.#shown = null;
    this.current = null;
    this.rises = [];
    this.failure = '';
  }
}

export const quote = new QuoteState();
