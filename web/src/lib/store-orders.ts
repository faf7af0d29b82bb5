import type { ShopCancel } from '#domain/fulfilment/store-order.ts';
import { chargedPaise } from '#domain/fulfilment/picking.ts';
import {
  CANCELS_AT_THE_DOOR,
  CANCELS_IN_SHOP,
  CANCELS_OF_PICKUP,
  fewerText,
  type Choice,
} from '#wording/en/store-orders.ts';
import type { StoreOrderLine, StoreOrder } from './contract.ts';
import { stepOf } from './progress.ts';

/** Why a shop may cancel a store order, as far as it has come. */
export function cancelsOfShop({
  status,
  fulfilment,
}: Pick<StoreOrder, 'status' | 'fulfilment'>): Choice<ShopCancel>[] {
  if (status !== 'dispatched') return CANCELS_IN_SHOP;
  return fulfilment === 'pickup' ? CANCELS_OF_PICKUP : CANCELS_AT_THE_DOOR;
}

/** Pieces of a line itself that come, or came. */
export const comingOf = ({ quantity, reduced, shorted, substitution }: StoreOrderLine): number =>
  quantity - reduced - shorted - (substitution?.status === 'accepted' ? substitution.replaces : 0);

/** Why fewer pieces come than were ordered, in words; null where all of them do. */
export function fateOf(line: StoreOrderLine, isDelivered: boolean): string | null {
  const { quantity, reduced, shorted, substitution } = line;
  const coming = comingOf(line);
  if (coming === quantity) return null;
  const replaced = substitution?.status === 'accepted' ? substitution.replaces : 0;
  return fewerText(quantity, { reduced, shorted, replaced, delivered: isDelivered ? coming : 0 });
}

const withoutReturns = (line: StoreOrderLine): StoreOrderLine => ({
  ...line,
  returned: 0,
  substitution: line.substitution && { ...line.substitution, returned: 0 },
});

/**
 * How what a store order costs comes from what was accepted: less came, it weighed less, it was
 * credited.
 */
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
