/**
 * Between two tries to reach a server of ours that is down. It does not grow: a shop waits for the
 * server to start, not for the end of a pause.
 */
export const RETRY_MS = 250;

/** India keeps one time all year. */
const INDIA_OFFSET_MS = 5.5 * 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** The day in Asia/Kolkata, as `2026-11-21`, at a moment in RFC 3339 or in milliseconds. */
export const businessDate = (at: string | number): string =>
  new Date(new Date(at).getTime() + INDIA_OFFSET_MS).toISOString().slice(0, 10);

/** `2026-11-30` → `2026-12-01` */
export const dayAfter = (date: string): string =>
  new Date(Date.parse(date) + DAY_MS).toISOString().slice(0, 10);
