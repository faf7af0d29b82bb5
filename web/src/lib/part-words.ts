import type {
  DeliveryProof,
  ShopCancel,
  ShopperCancel,
  ShortReason,
} from '#domain/fulfilment/store-order.ts';
import { chargedPaise } from '#domain/fulfilment/picking.ts';
import type { PartLine, StoreOrder } from './contract.ts';
import { stepOf } from './order-words.ts';

type Choice<Reason> = { reason: Reason; label: string };

export const SHORTS: Choice<ShortReason>[] = [
  { reason: 'sold-out', label: 'Sold out' },
  { reason: 'damaged', label: 'Damaged' },
  { reason: 'expired', label: 'Past its date' },
];

/** Why what is packed, or to be, does not come. */
const CANCELS_IN_SHOP: Choice<ShopCancel>[] = [
  { reason: 'out-of-stock', label: 'Too much is missing' },
  { reason: 'not-reachable', label: 'The customer cannot be reached' },
  { reason: 'closed', label: 'We have to close' },
  { reason: 'on-request', label: 'The customer asked for it' },
];

const REFUSED: Choice<ShopCancel> = { reason: 'refused', label: 'They did not want to take it' };
const CANCELS_AT_THE_DOOR: Choice<ShopCancel>[] = [
  { reason: 'not-reachable', label: 'Nobody was at the door' },
  REFUSED,
];
const CANCELS_OF_PICKUP: Choice<ShopCancel>[] = [
  { reason: 'not-fetched', label: 'Nobody fetched it' },
  REFUSED,
];

/** Why a shop may cancel a part, as far as it has come. */
export function cancelsOfShop({
  status,
  fulfilment,
}: Pick<StoreOrder, 'status' | 'fulfilment'>): Choice<ShopCancel>[] {
  if (status !== 'dispatched') return CANCELS_IN_SHOP;
  return fulfilment === 'pickup' ? CANCELS_OF_PICKUP : CANCELS_AT_THE_DOOR;
}

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
export function wishText({ ifMissing }: PartLine): string {
  if (ifMissing?.wish === 'best-match') return 'your best match';
  if (ifMissing?.wish === 'this-one') return 'one that they chose';
  return 'nothing instead';
}

/** What became of a line's pieces other than being picked: `1 not there`, `2 taken off`. */
export function lossesOf({
  reduced,
  shorted,
  returned,
}: Pick<PartLine, 'reduced' | 'shorted' | 'returned'>): string[] {
  return [
    ...(reduced > 0 ? [`${reduced} taken off`] : []),
    ...(shorted > 0 ? [`${shorted} not there`] : []),
    ...(returned > 0 ? [`${returned} came back`] : []),
  ];
}

/** Pieces of a line itself that come, or came. */
export const comingOf = ({ quantity, reduced, shorted, substitution }: PartLine): number =>
  quantity - reduced - shorted - (substitution?.status === 'accepted' ? substitution.replaces : 0);

/** Why fewer pieces come than were ordered: `3 ordered: 1 taken off, 1 not there, 1 delivered`. */
export function fateOf(line: PartLine, delivered: boolean): string | null {
  const { quantity, reduced, shorted, substitution } = line;
  const coming = comingOf(line);
  if (coming === quantity) return null;
  const fates = [
    ...lossesOf({ reduced, shorted, returned: 0 }),
    ...(substitution?.status === 'accepted' ? [`${substitution.replaces} replaced`] : []),
    ...(delivered && coming > 0 ? [`${coming} delivered`] : []),
  ];
  return `${quantity} ordered: ${fates.join(', ')}`;
}

const withoutReturns = (line: PartLine): PartLine => ({
  ...line,
  returned: 0,
  substitution: line.substitution && { ...line.substitution, returned: 0 },
});

/** How what a part costs comes from what was accepted: less came, it weighed less, it was credited. */
export function changesOf({
  status,
  totalPaise,
  owedPaise,
  feePaise,
  lines,
}: Pick<StoreOrder, 'status' | 'totalPaise' | 'owedPaise' | 'feePaise' | 'lines'>): {
  lessPaise: number;
  creditedPaise: number;
} {
  const packed = stepOf(status) >= stepOf('packed');
  const creditedPaise = chargedPaise(lines.map(withoutReturns), packed) + feePaise - owedPaise;
  return { lessPaise: totalPaise - owedPaise - creditedPaise, creditedPaise };
}
