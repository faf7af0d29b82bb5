/**
 * Which of several reactors works: the one that holds the lease. The lease is a stream of its own,
 * and whoever appends at the revision that was read is the only one who did; nobody's clock but a
 * process's own is trusted, and of that only how much time has passed.
 *
 * A holder that nobody asks writes nothing: it looks whether its event is still the newest. Who
 * waits asks it from time to time (an event), and takes the lease where that stays unanswered. So a
 * log grows by this only where several wait, and a lone reactor costs it nothing.
 */
import { randomUUID } from 'node:crypto';
import { WrongExpectedVersionError } from '@eventstore/db-client';
import {
  keepNewestOnly,
  newestEvent,
  REACTOR_LEASE,
  type EventStore,
} from '../../platform/event-store.ts';
import { AppendOutcomeUnknown, NO_REVISION } from '../../platform/appends.ts';
import { isEventStoreUnavailable } from '../../platform/connection.ts';
import type { Logger } from '../../platform/log.ts';
import { waitUnlessAborted } from '../../platform/subscription.ts';

/** How often a holder looks: the event store may be slow for a second. */
const HOLDER_LOOK_MS = 500;
/** A holder that has not seen its lease for so long stops working. */
const GIVE_UP_MS = 1_500;
/**
 * A question that is unanswered for so long may be followed by a take-over: the holder saw it, or
 * gave up a second ago. So much may its timers be late, or clocks differ in how fast they go.
 */
const TAKE_OVER_MS = 2_500;
/**
 * How often those who wait look, and how soon after an answer they ask again: with the time above, a
 * reactor that dies is followed within 3.5 s, so that its tasks are done within five.
 */
const STANDBY_LOOK_MS = 250;
const ASK_AFTER_MS = 500;
const MAX_RELEASE_TRIES = 3;

/** `holder` names a place where one process runs at a time, `boot` that process. */
export type Owner = { holder: string; boot: string };

/**
 * The newest event of the lease. `Asked` names the owner whose answer is awaited, which then appends
 * `Kept`; `Released` names who gave it back.
 */
type LeaseEvent = Owner & {
  type: `ReactorLease${'Taken' | 'Asked' | 'Kept' | 'Released'}`;
  revision: bigint;
};

/** The time during which a process holds the lease. */
export type Term = {
  /** Aborts when the lease is lost or given back. */
  signal: AbortSignal;
  /** Whether it is held at this moment. Ends the term at once where too much time has passed. */
  isHeld: () => boolean;
};

/**
 * Runs `work` for as long as this process holds the lease, and again whenever it gets it back.
 * Resolves when `signal` aborts, or rejects with what `work` throws; either gives the lease back, so
 * that another takes it at once. Where `work` throws that the event store does not answer, it begins
 * anew once that does. A process takes over from an earlier one of the same `holder` without waiting,
 * since whoever starts it knows that the other has ended.
 */
export async function underLease(options: {
  client: EventStore;
  holder: string;
  log: Logger;
  signal: AbortSignal;
  work: (term: Term) => Promise<void>;
}): Promise<void> {
  const { holder, log, signal, work } = options;
  const lease = new Lease(options);
  while (!signal.aborted) {
    const term = await lease.take();
    if (!term) return;
    log.info({ holder }, 'the lease is held: this reactor works');
    const end = () => term.end();
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const kept = lease.keep(term);
    let isLost = false;
    try {
      await work({ signal: term.signal, isHeld: () => term.isHeld() });
      isLost = !signal.aborted;
    } catch (error) {
      if (!(error instanceof AppendOutcomeUnknown) && !isEventStoreUnavailable(error)) throw error;
      log.warn({ err: error }, 'the event store does not answer: this reactor begins anew');
      await waitUnlessAborted(STANDBY_LOOK_MS, signal);
    } finally {
      signal.removeEventListener('abort', end);
      term.end();
      await kept;
      if (!isLost) await lease.release();
    }
    if (isLost) log.warn({ holder }, 'the lease was lost: this reactor waits');
  }
}

/**
 * What a process that does not hold the lease does next. `unchangedMs` is how long it has seen the
 * newest event, `isFirstLook` that it has just been started.
 */
export function nextMove(
  newest: Pick<LeaseEvent, 'type' | 'holder' | 'boot'> | undefined,
  me: Owner,
  { unchangedMs, isFirstLook }: { unchangedMs: number; isFirstLook: boolean },
): 'take' | 'ask' | 'wait' {
  if (!newest || newest.type === 'ReactorLeaseReleased' || newest.boot === me.boot) return 'take';
  // Later it is another process that was given the same name: the two must not take turns.
  if (newest.holder === me.holder && isFirstLook) return 'take';
  if (newest.type === 'ReactorLeaseAsked') return unchangedMs < TAKE_OVER_MS ? 'wait' : 'take';
  return unchangedMs < ASK_AFTER_MS ? 'wait' : 'ask';
}

/** A term that is over by itself unless it is prolonged. `now` is in milliseconds of any clock. */
export class RunningTerm {
  readonly #ending = new AbortController();
  readonly #now: () => number;
  #heldUntilMs = 0;
  #watch: NodeJS.Timeout | undefined;

  /** From the moment before it was seen to be held. */
  constructor(seenMs: number, now: () => number) {
    this.#now = now;
    this.prolong(seenMs);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  prolong(seenMs: number): void {
    if (this.signal.aborted) return;
    this.#heldUntilMs = seenMs + GIVE_UP_MS;
    this.#endInTime();
  }

  /** A timer may be early by less than a millisecond. */
  #endInTime(): void {
    clearTimeout(this.#watch);
    const leftMs = Math.max(0, Math.ceil(this.#heldUntilMs - this.#now()));
    this.#watch = setTimeout(() => this.isHeld() && this.#endInTime(), leftMs);
  }

  /** A process that was frozen asks before its timers have fired. */
  isHeld(): boolean {
    if (this.#now() >= this.#heldUntilMs) this.end();
    return !this.signal.aborted;
  }

  end(): void {
    clearTimeout(this.#watch);
    this.#ending.abort();
  }
}

/**
 * Is never set, and goes on while the process is stopped. It may stand still with a whole machine that
 * is suspended: then it is the next look that finds the lease lost.
 */
const now = (): number => performance.now();

const waitUntil = (thenMs: number, signal: AbortSignal): Promise<void> =>
  waitUnlessAborted(Math.max(0, thenMs - now()), signal);

class Lease {
  readonly #client: EventStore;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #me: Owner;
  #hasLooked = false;

  constructor(options: { client: EventStore; holder: string; log: Logger; signal: AbortSignal }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#signal = options.signal;
    this.#me = { holder: options.holder, boot: randomUUID() };
  }

  /** Waits for the lease; undefined where `signal` aborts before. */
  async take(): Promise<RunningTerm | undefined> {
    let seen: { revision: bigint | undefined; sinceMs: number } | undefined;
    while (!this.#signal.aborted) {
      const startedMs = now();
      try {
        const newest = await this.#newest();
        const revision = newest?.revision;
        if (!seen || seen.revision !== revision) seen = { revision, sinceMs: now() };
        const unchangedMs = now() - seen.sinceMs;
        const isFirstLook = !this.#hasLooked;
        this.#hasLooked = true;
        const move = nextMove(newest, this.#me, { unchangedMs, isFirstLook });
        if (isFirstLook && move === 'wait') {
          this.#log.info({ holder: newest?.holder }, 'another holds the lease: this reactor waits');
        }
        if (move === 'take') {
          const seenMs = now();
          const taken = await this.#append('ReactorLeaseTaken', this.#me, newest);
          if (taken !== undefined) return new RunningTerm(seenMs, now);
        }
        if (move === 'ask') {
          const asked = await this.#append('ReactorLeaseAsked', newest!, newest);
          if (asked !== undefined) seen = { revision: asked, sinceMs: now() };
        }
      } catch (error) {
        this.#log.warn({ err: error }, 'the lease could not be looked at');
      }
      await waitUntil(startedMs + STANDBY_LOOK_MS, this.#signal);
    }
    return undefined;
  }

  /** Prolongs a term for as long as the lease is this process's. Resolves when the term has ended. */
  async keep(term: RunningTerm): Promise<void> {
    for (let seenMs = now(); ;) {
      await waitUntil(seenMs + HOLDER_LOOK_MS, term.signal);
      if (!term.isHeld()) return;
      seenMs = now();
      try {
        const newest = await this.#newest();
        if (newest?.boot !== this.#me.boot) return term.end();
        const isAsked = newest.type === 'ReactorLeaseAsked';
        const kept = !isAsked || (await this.#append('ReactorLeaseKept', this.#me, newest));
        if (kept !== undefined) term.prolong(seenMs);
      } catch (error) {
        this.#log.warn({ err: error }, 'the lease could not be looked at');
      }
    }
  }

  /** Gives it back, if it is still this process's. Never rejects: others only wait longer then. */
  async release(): Promise<void> {
    try {
      for (let tries = 1; tries <= MAX_RELEASE_TRIES; tries++) {
        const newest = await this.#newest();
        if (newest?.boot !== this.#me.boot || newest.type === 'ReactorLeaseReleased') return;
        // Somebody may have asked meanwhile.
        const released = await this.#append('ReactorLeaseReleased', this.#me, newest);
        if (released !== undefined) return;
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'the lease could not be given back');
    }
  }

  async #newest(): Promise<LeaseEvent | undefined> {
    const newest = await newestEvent(this.#client, REACTOR_LEASE);
    if (!newest) return undefined;
    const { holder, boot } = newest.data as Owner;
    return { holder, boot, type: newest.type as LeaseEvent['type'], revision: newest.revision };
  }

  /** Right after an event: resolves to the new revision, or to undefined where another was first. */
  async #append(
    type: LeaseEvent['type'],
    { holder, boot }: Owner,
    after: LeaseEvent | undefined,
  ): Promise<bigint | undefined> {
    if (!after) await keepNewestOnly(this.#client, REACTOR_LEASE);
    const event = { type, data: { holder, boot } };
    const expected = after?.revision ?? NO_REVISION;
    try {
      return (await this.#client.appendEvents(REACTOR_LEASE, expected, [event])).revision;
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) return undefined;
      throw error;
    }
  }
}
