import { Rejected } from '#domain/rejection.ts';
import {
  clockOf,
  nextOpening,
  openingText,
  termsOf,
  type DeliveryWish,
} from '#domain/stores/delivery.ts';
import type { OrderSlot, StorePage } from './contract.ts';
import { rupees } from './money.ts';
import { calendarDay } from './time.ts';

/** Refused for the time, not for the goods or the place. */
const SHUT_CODES = new Set(['STORE_PAUSED', 'STORE_CLOSED']);

type Shop = Pick<StorePage, 'name' | 'pincode' | 'delivery'>;

/** `passes`: the shop may take it later on, as it is. */
export type Refusal = { text: string; passes: boolean };

type Wish = Omit<DeliveryWish, 'pincode'> & { pincode: string | null };

/**
 * Why a shop does not take goods of this value, by the rules that the order is taken by; null where
 * it does.
 */
export function refusalOf(shop: Shop, wish: Wish): Refusal | null {
  try {
    // While nobody has said where to, it is taken to be near.
    termsOf(shop, { ...wish, pincode: wish.pincode ?? shop.pincode });
    return null;
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return { text: error.message, passes: SHUT_CODES.has(error.code) };
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
