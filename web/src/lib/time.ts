/** Shops and their customers live by India's clock, wherever the browser thinks that it is. */
const TIME_ZONE = 'Asia/Kolkata';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const INDIA_OFFSET_MS = 5.5 * HOUR_MS;

const timeFormat = new Intl.DateTimeFormat('en-IN', {
  timeZone: TIME_ZONE,
  hour: 'numeric',
  minute: '2-digit',
});
const dayFormat = new Intl.DateTimeFormat('en-IN', {
  timeZone: TIME_ZONE,
  weekday: 'short',
  day: 'numeric',
  month: 'short',
});

/** `2:05 pm` */
export const clockTime = (at: string): string => timeFormat.format(new Date(at));

/** `Sat, 21 Nov` */
export const calendarDay = (at: string): string => dayFormat.format(new Date(at));

/** So many dates (`2026-11-21`) by India's calendar, from that of an instant on. */
export const datesFrom = (atMs: number, count: number): string[] =>
  Array.from({ length: count }, (_, days) =>
    new Date(atMs + INDIA_OFFSET_MS + days * DAY_MS).toISOString().slice(0, 10),
  );

/** The date so many days later, or before. */
export const dateFrom = (date: string, days: number): string =>
  new Date(Date.parse(date) + days * DAY_MS).toISOString().slice(0, 10);

/** How long ago, in as few words as staff need: `now`, `12 min`, `2 h 5 min`, `3 days`. */
export function age(at: string, nowMs: number): string {
  const elapsedMs = Math.max(0, nowMs - Date.parse(at));
  if (elapsedMs < MINUTE_MS) return 'now';
  const minutes = Math.floor((elapsedMs % HOUR_MS) / MINUTE_MS);
  if (elapsedMs < HOUR_MS) return `${minutes} min`;
  const hours = Math.floor(elapsedMs / HOUR_MS);
  if (elapsedMs < DAY_MS) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  const days = Math.floor(elapsedMs / DAY_MS);
  return days === 1 ? '1 day' : `${days} days`;
}
