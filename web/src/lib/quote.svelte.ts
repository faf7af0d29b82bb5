import { command, newKey } from './api.ts';
import type { Cart } from './contract.ts';
import type { DeliveryWishes } from './delivery-choice.svelte.ts';
import { isQuoteOf, risesOf, type AskedQuote, type Quote, type Rise } from './quote.ts';

/** The quote that the checkout shows, and at which it orders. */
class QuoteState {
  #shown: AskedQuote | null = null;
  #asked = 0;
  /** How the goods are wanted in the quote that was asked for last. */
  #wishes = '';
  /** Null until it is there, and while the cart is not what was quoted. */
  current = $state.raw<Quote | null>(null);
  /** What costs more than in the quotes that were shown before this one. */
  rises = $state.raw<Rise[]>([]);
  /** Why there is none, in words for a person. */
  failure = $state('');

  /**
   * Has a quote of the cart as it was read and is wanted: the one that is there while it holds, or
   * a new one.
   */
  async follow(cart: Cart, wishes: DeliveryWishes): Promise<void> {
    const { current } = this;
    const holds = current && Date.now() < Date.parse(current.expiresAt);
    const same = holds && isQuoteOf(current, cart) && this.#wishes === JSON.stringify(wishes);
    if (!same) await this.renew(cart.cartId, wishes);
  }

  /** Asks for a new quote and tells what rose. Never rejects: `failure` says what is wrong. */
  async renew(cartId: string, wishes: DeliveryWishes): Promise<void> {
    const asked = ++this.#asked;
    this.#wishes = JSON.stringify(wishes);
    this.current = null;
    this.failure = '';
    try {
      const path = `/api/write/carts/${cartId}/quotes`;
      const answer = await command<Quote>('POST', path, wishes, { key: newKey() });
      if (asked !== this.#asked) return;
      const quote = { ...answer, destination: wishes.address };
      this.rises = this.#shown ? risesOf(this.#shown, quote, this.rises) : [];
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
