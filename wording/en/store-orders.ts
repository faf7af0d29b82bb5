import type {
  DeliveryProof,
  ShopCancel,
  ShopperCancel,
  ShortReason,
} from '../../domain/fulfilment/store-order.ts';
import type { IfMissing } from '../../domain/ordering/order.ts';

/** A code to choose, and what stands beside it. */
export type Choice<Reason> = { reason: Reason; label: string };

export const SHORTS: Choice<ShortReason>[] = [
  { reason: 'sold-out', label: 'Sold out' },
  { reason: 'damaged', label: 'Damaged' },
  { reason: 'expired', label: 'Past its date' },
];

/** Why what is packed, or to be, does not come. */
export const CANCELS_IN_SHOP: Choice<ShopCancel>[] = [
  { reason: 'out-of-stock', label: 'Too much is missing' },
  { reason: 'not-reachable', label: 'The customer cannot be reached' },
  { reason: 'closed', label: 'We have to close' },
  { reason: 'on-request', label: 'The customer asked for it' },
];

const REFUSED: Choice<ShopCancel> = { reason: 'refused', label: 'They did not want to take it' };
export const CANCELS_AT_THE_DOOR: Choice<ShopCancel>[] = [
  { reason: 'not-reachable', label: 'Nobody was at the door' },
  REFUSED,
];
export const CANCELS_OF_PICKUP: Choice<ShopCancel>[] = [
  { reason: 'not-fetched', label: 'Nobody fetched it' },
  REFUSED,
];

export const CANCELS_OF_SHOPPER: Choice<ShopperCancel>[] = [
  { reason: 'changed-mind', label: 'I changed my mind' },
  { reason: 'too-slow', label: 'It takes too long' },
  { reason: 'by-mistake', label: 'I ordered by mistake' },
  { reason: 'other', label: 'Another reason' },
];

export const PROOFS: Choice<DeliveryProof>[] = [
  { reason: 'known-customer', label: 'I know the customer' },
  { reason: 'phone-call', label: 'The customer said so on the phone' },
  { reason: 'neighbour', label: 'A neighbour took it, as agreed' },
  { reason: 'other', label: 'Another reason' },
];

/** What the shopper said beforehand, for who packs it: part of a sentence. */
export function wishText(ifMissing: IfMissing | undefined): string {
  if (ifMissing?.wish === 'best-match') return 'your best match';
  if (ifMissing?.wish === 'this-one') return 'one that they chose';
  return 'nothing instead';
}

/** Pieces of a line by what became of them; 0 or absent: nothing is said of it. */
export type Fates = {
  reduced?: number;
  shorted?: number;
  returned?: number;
  replaced?: number;
  delivered?: number;
};

/** What became of a line's pieces: `1 taken off`, `2 not there`. */
export const fateTexts = ({
  reduced = 0,
  shorted = 0,
  returned = 0,
  replaced = 0,
  delivered = 0,
}: Fates): string[] => [
  ...(reduced > 0 ? [`${reduced} taken off`] : []),
  ...(shorted > 0 ? [`${shorted} not there`] : []),
  ...(returned > 0 ? [`${returned} came back`] : []),
  ...(replaced > 0 ? [`${replaced} replaced`] : []),
  ...(delivered > 0 ? [`${delivered} delivered`] : []),
];

/** Why fewer pieces come than were ordered: `3 ordered: 1 taken off, 1 not there, 1 delivered`. */
export const fewerText = (ordered: number, fates: Fates): string =>
  `${ordered} ordered: ${fateTexts(fates).join(', ')}`;
