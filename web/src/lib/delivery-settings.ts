import type { DeliveryFee, OpenSpan } from '#domain/stores/delivery.ts';
import { paiseFromRupees } from '#domain/money/money.ts';
import { clock } from '#wording/en/words.ts';

/** The settings of a shop's delivery as staff type them, and back. */

const DAY_MINUTES = 1_440;
const SPAN = /^(\d{1,2})[:.]?(\d{2})?\s*[-–]\s*(\d{1,2})[:.]?(\d{2})?$/;

/** Monday first, as shops count their week; numbers as the API has them. */
export const WEEKDAYS = [
  { weekday: 1, name: 'Monday' },
  { weekday: 2, name: 'Tuesday' },
  { weekday: 3, name: 'Wednesday' },
  { weekday: 4, name: 'Thursday' },
  { weekday: 5, name: 'Friday' },
  { weekday: 6, name: 'Saturday' },
  { weekday: 0, name: 'Sunday' },
];

type Span = Omit<OpenSpan, 'weekday'>;

/** `9:00-13:00, 17-22`; what ends before it begins ends after midnight. Undefined for what is none. */
export function spansFrom(text: string): Span[] | undefined {
  const spans = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part): Span | undefined => {
      const [, fromHour, from = '0', toHour, to = '0'] = SPAN.exec(part) ?? [];
      if (Number(fromHour) > 23 || Number(from) > 59 || Number(toHour) > 24 || Number(to) > 59) {
        return undefined;
      }
      const fromMinute = Number(fromHour) * 60 + Number(from);
      const toMinute = Number(toHour) * 60 + Number(to);
      if (Number.isNaN(fromMinute + toMinute) || toMinute > DAY_MINUTES) return undefined;
      return { fromMinute, toMinute: toMinute > fromMinute ? toMinute : toMinute + DAY_MINUTES };
    });
  return spans.includes(undefined) ? undefined : (spans as Span[]);
}

export const spanText = ({ fromMinute, toMinute }: Span): string =>
  `${clock(fromMinute)}-${toMinute === DAY_MINUTES ? '24:00' : clock(toMinute)}`;

export const spansText = (spans: Span[]): string => spans.map(spanText).join(', ');

/** A minute of the day of `11:00` or `9`; undefined for what is none. */
export function minuteFrom(text: string): number | undefined {
  const [, hour, minute = '0'] = /^(\d{1,2})(?:[:.](\d{2}))?$/.exec(text.trim()) ?? [];
  const minutes = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && minutes <= DAY_MINUTES ? minutes : undefined;
}

/** Six digits each, however they are set apart. Undefined where one of them is something else. */
export function pincodesFrom(text: string): string[] | undefined {
  const pincodes = text.split(/[\s,;]+/).filter(Boolean);
  return pincodes.every((pincode) => /^[1-9]\d{5}$/.test(pincode)) ? pincodes : undefined;
}

/** Whole metres of kilometres as they are typed; undefined for what is none. */
export function metresFrom(text: string): number | undefined {
  return /^\d{1,3}(?:\.\d{1,3})?$/.test(text.trim()) ? Math.round(Number(text) * 1_000) : undefined;
}

export type FeeRow = { km: string; value: string; fee: string };

export const rupeesText = (paise: number): string =>
  paise % 100 === 0 ? String(paise / 100) : (paise / 100).toFixed(2);

export const feeRows = ({ steps }: DeliveryFee): FeeRow[] =>
  steps.map(({ fromMetres, fromPaise, feePaise }) => ({
    km: String(fromMetres / 1_000),
    value: rupeesText(fromPaise),
    fee: rupeesText(feePaise),
  }));

/** Undefined where a number is not one. `freeFrom` empty: never for nothing. */
export function feeFrom(rows: FeeRow[], freeFrom: string): DeliveryFee | undefined {
  const freeFromPaise = freeFrom.trim() === '' ? null : paiseFromRupees(freeFrom.trim());
  const steps = rows.map(({ km, value, fee }) => ({
    fromMetres: metresFrom(km),
    fromPaise: paiseFromRupees(value.trim()),
    feePaise: paiseFromRupees(fee.trim()),
  }));
  const isWrong = steps.some((step) => Object.values(step).includes(undefined));
  if (isWrong || freeFromPaise === undefined) return undefined;
  return { steps: steps as DeliveryFee['steps'], freeFromPaise };
}
