import { CASH, type PaymentEvent } from '../../domain/money/payment.ts';
import { storeAndPeriodOf } from '../../domain/stores/store.ts';
import { expectedPaise, keyOf, type Till, type TillEvent } from '../../domain/money/till.ts';
import type { Book } from './book.ts';
import {
  check,
  isLate,
  placeText,
  type Check,
  type Place,
  type Seen,
  type Report,
} from './check.ts';

const IN_TILL = 'cash that changes hands is in its shop’s till, once';
const CLOSED = 'a till is closed with what should have been in it';

/** Cash that is not in a till yet. */
type Moved = { storeId: string | null; amountPaise: number; place: Place; atMs: number };

/** What is collected and given back in cash is in the till of its shop. */
export function tillCheck(_: Book, report: Report): Check {
  const moved = new Map<string, Moved>();

  function move(
    seen: Seen<{ storeId: string | null; amountPaise: number; refundNumber?: number }>,
  ): void {
    const { data, id: paymentId, stream, revision, atMs } = seen;
    const { storeId, amountPaise, refundNumber } = data;
    const place = { stream, revision };
    moved.set(keyOf({ paymentId, refundNumber }), { storeId, amountPaise, place, atMs });
  }

  function putIn(
    seen: Seen<{ paymentId: string; amountPaise: number; refundNumber?: number }>,
  ): void {
    const { paymentId, amountPaise } = seen.data;
    const key = keyOf(seen.data);
    const known = moved.get(key);
    moved.delete(key);
    const isRight =
      known?.amountPaise === amountPaise && known.storeId === storeAndPeriodOf(seen.id).storeId;
    if (isRight) return;
    const text = known
      ? `${amountPaise} paise are in it; ${placeText(known.place)} is over ${known.amountPaise}`
      : `nobody moved ${amountPaise} paise for payment ${paymentId}, or they were in a till already`;
    report(IN_TILL, placeText(seen), text);
  }

  return check<PaymentEvent | TillEvent, Till>({
    on: {
      CashCollected: move,
      RefundSucceeded(seen) {
        if (seen.data.externalId === CASH) move(seen);
      },
      CashTaken: putIn,
      CashGivenBack: putIn,
      TillClosed(seen) {
        const { expectedPaise: said, countedPaise, differencePaise } = seen.data;
        const right = expectedPaise(seen.before);
        if (said === right && differencePaise === countedPaise - right) return;
        const text = `it says ${said} paise and a difference of ${differencePaise}; in it were ${right}`;
        report(CLOSED, placeText(seen), text);
      },
    },

    end(nowMs) {
      for (const { amountPaise, place, atMs } of moved.values()) {
        if (!isLate(atMs, nowMs)) continue;
        report(IN_TILL, placeText(place), `${amountPaise} paise are in no till`);
      }
    },
  });
}
