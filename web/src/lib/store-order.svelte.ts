import { command, newKey, ownHeaders, readOwn, type ApiError } from './api.ts';
import type { BoardOrderPage, StoreOrderLine } from './contract.ts';
import { follow, type LiveState } from './live.ts';
import { notices } from './notice.svelte.ts';
import { Staff } from './staff.svelte.ts';

/** One order of a shop on the screen of who packs it: live, and what they do to it. */
export class StoreOrderWork extends Staff {
  storeOrder = $state.raw<BoardOrderPage | null>(null);
  live = $state<LiveState>('connecting');
  refused = $state.raw<ApiError | null>(null);
  /** A step is under way that changes the whole order. */
  busy = $state(false);

  readonly #storeOrderId: string;
  /** Pieces that were tapped in and are not in the answer yet, by listing. */
  #tapped = $state.raw<ReadonlyMap<string, number>>(new Map());
  #sending = new Set<string>();
  #stop: () => void = () => {};

  constructor(storeId: string, storeOrderId: string) {
    super(storeId);
    this.#storeOrderId = storeOrderId;
  }

  /** Returns what stops it. */
  start(): () => void {
    this.#stop();
    this.takeUp();
    this.#stop = follow<BoardOrderPage>({
      path: `${this.#path}/live`,
      event: 'card',
      headers: () => ownHeaders(this.pass),
      read: (signal) =>
        readOwn<BoardOrderPage>(this.#path, { pass: this.pass, signal, attempts: 1 }),
      onValue: (storeOrder) => {
        this.storeOrder = storeOrder;
      },
      onState: (state) => {
        this.live = state;
      },
      onRefused: (error) => {
        this.storeOrder = null;
        if (!this.isToSignIn(error)) this.refused = error;
      },
    });
    return () => this.#stop();
  }

  override signIn(pass: string): void {
    super.signIn(pass);
    this.start();
  }

  get #path(): string {
    return `/api/read/stores/${encodeURIComponent(this.storeId)}/board/${this.#storeOrderId}`;
  }

  /** Pieces in the basket, with those that were just tapped in. */
  pickedOf(line: StoreOrderLine): number {
    return this.#tapped.get(line.listingId) ?? line.picked;
  }

  /**
   * Says how many pieces are in the basket. Taps that come while one is on its way are sent
   * together, as the last of them says. Never rejects.
   */
  async pick(listingId: string, quantity: number): Promise<void> {
    this.#tapped = new Map(this.#tapped).set(listingId, quantity);
    if (this.#sending.has(listingId)) return;
    this.#sending.add(listingId);
    for (let sent: number | undefined; sent !== this.#tapped.get(listingId);) {
      sent = this.#tapped.get(listingId)!;
      const done = await this.#send('picks', { lines: [{ listingId, quantity: sent }] });
      if (!done) break;
    }
    await this.#reload();
    this.#sending.delete(listingId);
    const tapped = new Map(this.#tapped);
    tapped.delete(listingId);
    this.#tapped = tapped;
  }

  /** Takes a step of the whole order, or settles one of its lines. Resolves to whether it worked. */
  async take(step: string, body: object = {}): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    const done = await this.#send(step, body);
    await this.#reload();
    this.busy = false;
    return done;
  }

  async #send(step: string, body: object): Promise<boolean> {
    try {
      const path = `/api/write/store-orders/${this.#storeOrderId}/${step}`;
      await command('POST', path, body, { key: newKey(), pass: this.pass });
      return true;
    } catch (error) {
      notices.showError(error);
      return false;
    }
  }

  /** Shows what was just done without waiting for the live page, which says it again. */
  async #reload(): Promise<void> {
    try {
      this.storeOrder = await readOwn<BoardOrderPage>(this.#path, { pass: this.pass });
    } catch (error) {
      notices.showError(error);
    }
  }
}
