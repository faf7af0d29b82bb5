import { Rejected } from '#domain/rejection.ts';
import { nextOpening, termsOf, type DeliveryWish } from '#domain/stores/delivery.ts';
import { closedText as closedUntilText, PAUSED } from '#wording/en/stores.ts';
import { refusalText } from '#wording/en/refusals.ts';
import { clock } from '#wording/en/words.ts';
import type { OrderSlot, StorePage } from './contract.ts';
import { calendarDay } from './time.ts';

/** Refused for the time, not for the goods or the place. */
const SHUT_CODES = new Set(['STORE_PAUSED', 'STORE_CLOSED']);

type Shop = Pick<StorePage, 'name' | 'pincode' | 'state' | 'chargesTax' | 'delivery'>;

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
    return { text: refusalText(error), passes: SHUT_CODES.has(error.code) };
  }
}

/** `Sat, 21 Nov, 18:00-20:00` */
export const slotText = (slot: OrderSlot): string =>
  `${calendarDay(slot.date)}, ${clock(slot.fromMinute)}-${clock(slot.toMinute)}`;

/** Why nothing can be ordered there at this moment, for the top of its page; null if it can. */
export function closedText({ delivery }: Pick<Shop, 'delivery'>, atMs: number): string | null {
  if (delivery.paused) return PAUSED;
  const opensAtMs = nextOpening(delivery.hours, atMs);
  return opensAtMs === atMs ? null : closedUntilText(opensAtMs, atMs);
}
