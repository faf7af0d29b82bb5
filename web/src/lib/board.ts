import { storeOrderEnded, type StoreOrderRejection } from '#domain/fulfilment/store-order.ts';
import { sumPaise } from '#domain/money/money.ts';
import type { Board, BoardOrder, PaymentTask, StoreOrderStatus } from './contract.ts';
import { stepOf } from './progress.ts';

export type Verb = 'accept' | 'reject' | 'dispatch';
type Way = Pick<BoardOrder, 'status' | 'fulfilment'>;

/** What the one big button of a store order does, which `open` leaves to the order's own page. */
export type Next = { verb: Verb | 'open'; label: string };

export type Column = { name: string; statuses: StoreOrderStatus[]; empty: string };

export const COLUMNS: Column[] = [
  {
    name: 'New',
    statuses: ['submitted'],
    empty: 'No new orders. They appear here by themselves.',
  },
  { name: 'Packing', statuses: ['accepted'], empty: 'Nothing to pack.' },
  { name: 'Ready', statuses: ['packed'], empty: 'Nothing waits to go out or to be fetched.' },
  { name: 'On the way', statuses: ['dispatched'], empty: 'Nobody is out.' },
  {
    name: 'Done',
    statuses: ['delivered', 'rejected', 'cancelled'],
    empty: 'Nothing finished today.',
  },
];

/** Null where nothing is left to do. */
export function nextOf({ status, fulfilment }: Way): Next | null {
  if (storeOrderEnded(status)) return null;
  if (status === 'submitted') return { verb: 'accept', label: 'Accept' };
  if (status === 'accepted') return { verb: 'open', label: 'Pick' };
  if (status === 'dispatched') return { verb: 'open', label: 'Hand over' };
  return {
    verb: 'dispatch',
    label: fulfilment === 'pickup' ? 'Ready to fetch' : 'Out for delivery',
  };
}

export const REJECTIONS: { reason: StoreOrderRejection; label: string }[] = [
  { reason: 'out-of-stock', label: 'Something is out of stock' },
  { reason: 'closed', label: 'We are closed' },
  { reason: 'too-far', label: 'The address is too far' },
  { reason: 'other', label: 'Another reason' },
];

/** The store orders of a column: what waits longest comes first, what is done, latest first. */
export function storeOrdersOf(board: Board, column: Column): BoardOrder[] {
  const storeOrders = board.storeOrders.filter((storeOrder) =>
    column.statuses.includes(columnStatusOf(storeOrder)),
  );
  return storeOrders.toSorted((a, b) =>
    nextOf(a) ? a.submittedAt.localeCompare(b.submittedAt) : b.changedAt.localeCompare(a.changedAt),
  );
}

/** What waits in the shop to be fetched is not on the way. */
const columnStatusOf = ({ status, fulfilment }: Way): StoreOrderStatus =>
  status === 'dispatched' && fulfilment === 'pickup' ? 'packed' : status;

/** How far a status is on its way, with the ends last: they are never left again. */
const rank = (status: StoreOrderStatus): number =>
  storeOrderEnded(status) ? stepOf('delivered') : stepOf(status);

/** Open orders that a board shows at first, and how many more whenever staff ask for more. */
export const OPEN_PAGE = 300;
/** More cannot be asked for at once. */
export const MOST_OPEN = 3_000;

/** How many of the open orders are on a board, and how many more can be; null where all are. */
export function pageOf(
  { storeOrders, openOrders, next }: Board,
  asked: number,
): { shown: number; open: number; more: number } | null {
  if (next === null) return null;
  const shown = storeOrders.filter(({ status }) => !storeOrderEnded(status)).length;
  const more = Math.min(OPEN_PAGE, openOrders - shown, MOST_OPEN - asked);
  return { shown, open: openOrders, more };
}

/**
 * The board with what this screen was already told by answers to its own commands. A board that was
 * read a moment before must not move a store order back; one that has caught up needs no help, and
 * its entry is dropped from `answered`.
 */
export function withAnswers(board: Board, answered: Map<string, StoreOrderStatus>): Board {
  const storeOrders = board.storeOrders.map((storeOrder) => {
    const status = answered.get(storeOrder.storeOrderId);
    if (!status) return storeOrder;
    if (rank(storeOrder.status) < rank(status)) return { ...storeOrder, status };
    answered.delete(storeOrder.storeOrderId);
    return storeOrder;
  });
  return { ...board, storeOrders };
}

/** The store orders that are new and were on no board before. */
export function arrivals(board: Board, seen: ReadonlySet<string>): BoardOrder[] {
  return board.storeOrders.filter(
    (storeOrder) => storeOrder.status === 'submitted' && !seen.has(storeOrder.storeOrderId),
  );
}

/** What of an order's money the shop has to give back by hand. */
export const toGivePaise = (tasks: PaymentTask[], { storeOrderId }: BoardOrder): number =>
  sumPaise(
    tasks
      .filter((task) => task.storeOrderId === storeOrderId && task.todo === 'give-back')
      .map(({ amountPaise }) => amountPaise),
  );

export const itemCount = (storeOrder: Pick<BoardOrder, 'lines'>): number =>
  storeOrder.lines.reduce((count, line) => count + line.quantity, 0);
