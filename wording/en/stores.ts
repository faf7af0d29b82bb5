import type { DeliveryFee } from '../../domain/stores/delivery.ts';
import { clock, rupees } from './words.ts';

const MINUTE_MS = 60_000;
const MINUTES_PER_DAY = 1440;
/** Asia/Kolkata is UTC+05:30 all year round, and has been since 1945. */
const INDIA_OFFSET_MINUTES = 330;

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Minutes since 1970 by the clocks of India. */
const indianMinute = (atMs: number): number => Math.floor(atMs / MINUTE_MS) + INDIA_OFFSET_MINUTES;

/** `today at 09:30`, `tomorrow at …`, `on Monday at …`, `in 9 days, at …`. */
export function openingText(opensAtMs: number, atMs: number): string {
  const opens = indianMinute(opensAtMs);
  const day = Math.floor(opens / MINUTES_PER_DAY);
  const days = day - Math.floor(indianMinute(atMs) / MINUTES_PER_DAY);
  const near = ['today', 'tomorrow'][days];
  // 1970-01-01 was a Thursday.
  const name = near ?? (days < 7 ? `on ${WEEKDAYS[(day + 4) % 7]}` : `in ${days} days,`);
  return `${name} at ${clock(opens % MINUTES_PER_DAY)}`;
}

/** Of whoever looks at what is a shop's, or wants to do it, and has no pass of that shop. */
export const PASS_REQUIRED = 'Only the shop can do this: sign in with its pass.';

export const PAUSED = 'This shop takes no orders just now. Look around and try later.';

/** Why nothing can be ordered there at this moment; `opensAtMs` null: not for two months. */
export const closedText = (opensAtMs: number | null, atMs: number): string =>
  opensAtMs === null
    ? 'This shop is closed for now.'
    : `Closed now. Opens ${openingText(opensAtMs, atMs)}.`;

/** What delivery costs at most and asks for at least, in a line; null where it is simply free. */
export function feeText({
  fee,
  minimumPaise,
}: {
  fee: DeliveryFee;
  minimumPaise: number;
}): string | null {
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
