import { PersistentMap } from './persistent-map.ts';

/**
 * How long, by the ends of the reservations themselves, an ended round is kept at least. No round
 * of a checkout, late payments included, has its goods for longer.
 */
const KEPT_MS = 2 * 60 * 60_000;
/** Where so many end in a shorter time, those before them are forgotten earlier. */
const MAX_KEPT = 2_500;

/** `fromMs` and `untilMs`: the ends of its first and of its last reservation, in ms since 1970. */
type Generation = { rounds: PersistentMap<number>; fromMs: number; untilMs: number };

/**
 * The newest round of each store order whose reservation is over, released or picked. What is older
 * is forgotten, generation by generation, and known by its time alone: every reservation that was
 * to end by `forgottenUntilMs` counts as over.
 *
 *     round 1 of `a`, until 10:15, was released   →  (`a`, 1) is over, (`a`, 2) is not
 *     hours later `a` is forgotten                →  whatever was to end by 10:15 is over
 */
export type EndedRounds = { recent: Generation; older: Generation; forgottenUntilMs: number };

const EMPTY: Generation = { rounds: PersistentMap.empty, fromMs: 0, untilMs: 0 };

export const NO_ENDED_ROUNDS: EndedRounds = { recent: EMPTY, older: EMPTY, forgottenUntilMs: 0 };

/** The newest round of a store order that is over; 0 where none is, or it was forgotten. */
export const endedRoundOf = ({ recent, older }: EndedRounds, storeOrderId: string): number =>
  recent.rounds.get(storeOrderId) ?? older.rounds.get(storeOrderId) ?? 0;

/** @param expiresAt RFC 3339: when the reservation is, or was, to end */
export function withEndedRound(
  { recent, older, forgottenUntilMs }: EndedRounds,
  storeOrderId: string,
  round: number,
  expiresAt: string,
): EndedRounds {
  const atMs = Date.parse(expiresAt);
  const isFull = atMs >= recent.fromMs + KEPT_MS || recent.rounds.size >= MAX_KEPT;
  if (recent.rounds.size > 0 && isFull) {
    const first = { rounds: PersistentMap.from([[storeOrderId, round]]), fromMs: atMs };
    return {
      recent: { ...first, untilMs: atMs },
      older: recent,
      forgottenUntilMs: Math.max(forgottenUntilMs, older.untilMs),
    };
  }
  const rounds = recent.rounds.with(storeOrderId, round);
  const fromMs = recent.rounds.size === 0 ? atMs : recent.fromMs;
  const untilMs = Math.max(recent.untilMs, atMs);
  return { recent: { rounds, fromMs, untilMs }, older, forgottenUntilMs };
}

/** As JSON, entry by entry. */
export const packEndedRounds = ({ recent, older, forgottenUntilMs }: EndedRounds) => ({
  endedRecently: [...recent.rounds],
  endedBefore: [...older.rounds],
  endedTimes: [
    ['recent', recent.fromMs, recent.untilMs],
    ['older', older.fromMs, older.untilMs],
    ['forgotten', 0, forgottenUntilMs],
  ],
});

export type PackedEndedRounds = {
  endedRecently: [string, number][];
  endedBefore: [string, number][];
  endedTimes: [string, fromMs: number, untilMs: number][];
};

export function unpackEndedRounds(packed: PackedEndedRounds): EndedRounds {
  const times = new Map(packed.endedTimes.map(([name, ...of]) => [name, of]));
  const generation = (name: string, entries: [string, number][]): Generation => {
    const [fromMs, untilMs] = times.get(name)!;
    return { rounds: PersistentMap.from(entries), fromMs, untilMs };
  };
  return {
    recent: generation('recent', packed.endedRecently),
    older: generation('older', packed.endedBefore),
    forgottenUntilMs: times.get('forgotten')![1],
  };
}
