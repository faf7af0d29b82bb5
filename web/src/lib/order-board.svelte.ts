import { command, newKey, ownHeaders, readOwn, type ApiError } from './api.ts';
import { arrivals, MOST_OPEN, OPEN_PAGE, withAnswers, type Verb } from './board.ts';
import type { Board, BoardOrder, StoreOrderStatus } from './contract.ts';
import { follow, type LiveState } from './live.ts';
import { notices } from './notice.svelte.ts';
import * as passes from './pass.ts';
import { Staff } from './staff.svelte.ts';

/** A shop's board on this screen: what is on it, live, and the steps that staff take. */
export class OrderBoard extends Staff {
  board = $state.raw<Board | null>(null);
  live = $state<LiveState>('connecting');
  refused = $state.raw<ApiError | null>(null);
  /** Came in while this screen was open, and nobody has touched them yet. */
  fresh = $state.raw<BoardOrder[]>([]);
  /** How many open orders are asked for, the oldest first. */
  asked = $state(OPEN_PAGE);

  /** Called for what comes in while this screen is open. */
  onarrival: (storeOrder: BoardOrder) => void = () => {};

  #seen: Set<string> | null = null;
  #answered = new Map<string, StoreOrderStatus>();
  #busy = $state.raw<ReadonlySet<string>>(new Set());
  #stop: () => void = () => {};

  /** Follows the board with the pass that this device has. Returns what stops it. */
  start(): () => void {
    this.#stop();
    this.takeUp();
    const path = `/api/read/stores/${encodeURIComponent(this.storeId)}/board`;
    const query = `?limit=${this.asked}`;
    this.#stop = follow<Board>({
      path: `${path}/live${query}`,
      event: 'board',
      headers: () => ownHeaders(this.pass),
      read: (signal) => readOwn<Board>(`${path}${query}`, { pass: this.pass, signal, attempts: 1 }),
      onValue: (board) => this.#show(board),
      onState: (state) => {
        this.live = state;
      },
      onRefused: (error) => {
        this.board = null;
        if (!this.isToSignIn(error)) this.refused = error;
      },
    });
    return () => this.#stop();
  }

  /** Follows more of the open orders: those that come with them have waited, and are no news. */
  showMore(): void {
    this.asked = Math.min(this.asked + OPEN_PAGE, MOST_OPEN);
    this.#seen = null;
    this.start();
  }

  override signIn(pass: string): void {
    super.signIn(pass);
    this.start();
  }

  signOut(): void {
    passes.signOut(this.storeId);
    this.start();
  }

  isBusy(storeOrder: BoardOrder): boolean {
    return this.#busy.has(storeOrder.storeOrderId);
  }

  isFresh(storeOrder: BoardOrder): boolean {
    return this.fresh.some(({ storeOrderId }) => storeOrderId === storeOrder.storeOrderId);
  }

  /** Takes a step. The store order moves with the answer; the live board follows. Never rejects. */
  async take(storeOrder: BoardOrder, verb: Verb, body: { reason?: string } = {}): Promise<void> {
    const { storeOrderId } = storeOrder;
    if (this.#busy.has(storeOrderId)) return;
    this.#busy = new Set([...this.#busy, storeOrderId]);
    // Somebody is at work: what was announced has been seen.
    notices.dismissInfo();
    try {
      const { status } = await command<{ status: StoreOrderStatus }>(
        'POST',
        `/api/write/store-orders/${storeOrderId}/${verb}`,
        body,
        { key: newKey(), pass: this.pass },
      );
      this.#answered.set(storeOrderId, status);
      if (this.board) this.#show(this.board);
    } catch (error) {
      notices.showError(error);
    }
    this.#busy = new Set([...this.#busy].filter((id) => id !== storeOrderId));
  }

  #show(board: Board): void {
    const now = withAnswers(board, this.#answered);
    const came = this.#seen ? arrivals(now, this.#seen) : [];
    const ids = now.storeOrders.map((storeOrder) => storeOrder.storeOrderId);
    this.#seen = new Set([...(this.#seen ?? []), ...ids]);

    const waiting = new Set(
      now.storeOrders
        .filter((storeOrder) => storeOrder.status === 'submitted')
        .map((storeOrder) => storeOrder.storeOrderId),
    );
    this.fresh = [...this.fresh, ...came].filter((storeOrder) =>
      waiting.has(storeOrder.storeOrderId),
    );
    this.board = now;
    const newest = came.at(-1);
    if (newest) this.onarrival(newest);
  }
}
