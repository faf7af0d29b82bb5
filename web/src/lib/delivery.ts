import { Rejected } from '../../../domain/decider.ts';
import {
  clockOf,
  nextOpening,
  openingText,
  termsOf,
  type DeliveryWish,
} from '../../../domain/delivery.ts';
import type { OrderSlot, StorePage } from './contract.ts';
import { rupees } from './money.ts';
import { calendarDay } from './time.ts';

type Shop = Pick<StorePage, 'name' | 'pincode' | 'delivery'>;

/**
 * Why a shop does not take goods of this value, by the rules that the order is taken by; null where
 * it does.
 */
export function refusalOf(
  shop: Shop,
  {
    fulfilment,
    pincode,
    valuePaise,
    hasSlot,
    atMs,
  }: Pick<DeliveryWish, 'fulfilment' | 'valuePaise' | 'hasSlot' | 'atMs'> & {
    pincode: string | null;
  },
): string | null {
  // While nobody has said where to, it is taken to be near.
  const wish = { fulfilment, pincode: pincode ?? shop.pincode, valuePaise, hasSlot, atMs };
  try {
    termsOf(shop, { ...wish, coordinates: null });
    return null;
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return error.message;
  }
}

/** `Sat, 21 Nov, 18:00-20:00` */
export const slotText = (slot: OrderSlot): string =>
  `${calendarDay(slot.date)}, ${clockOf(slot.fromMinute)}-${clockOf(slot.toMinute)}`;

/** Why nothing can be ordered there at this moment, for the top of its page; null if it can. */
export function closedText({ delivery }: Pick<Shop, 'delivery'>, atMs: number): string | null {
  if (delivery.paused) return 'This shop takes no orders just now. Look around and try later.';
  const opensAtMs = nextOpening(delivery.hours, atMs);
  if (opensAtMs === atMs) return null;
  return opensAtMs === null
    ? 'This shop is closed for now.'
    : `Closed now. Opens ${openingText(opensAtMs, atMs)}.`;
}

/** What delivery costs at most and asks for at least, in a line; null where it is simply free. */
export function feeText({ delivery }: Pick<Shop, 'delivery'>): string | null {
  const { fee, minimumPaise } = delivery;
  const fees = fee.steps.map(({ feePaise }) => feePaise);
  const [least, most] = [Math.min(...fees), Math.max(...fees)];
  const parts = [
    fees.length > 0 && most > 0
      ? `Delivery ${least === most ? rupees(most) : `${rupees(least)} to ${rupees(most)}`}`
      : 'Free delivery',
    fees.length > 0 && most > 0 && fee.freeFromPaise !== null
      ? `free from ${rupees(fee.freeFromPaise)}`
      : '',
    minimumPaise > 0 ? `orders from ${rupees(minimumPaise)}` : '',
  ].filter(Boolean);
  return most > 0 || minimumPaise > 0 ? parts.join(' · ') : null;
}
