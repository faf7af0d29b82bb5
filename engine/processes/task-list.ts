import type { StoredEvent } from '../../platform/event-store.ts';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/**
 * Of what waits for somebody outside who is away: a few are tried at once, however many there are, and
 * what is owed is not to wait for long once there is an answer again.
 */
const MAX_RETRY_OUTSIDE_MS = 4_000;
/** Tries after which a task counts as stuck, for somebody to look. */
const STUCK_AFTER_TRIES = 10;
/** A task that waits as long, or is stuck, is set aside: the checkpoint does not wait for it. */
const SET_ASIDE_FROM_MS = 5 * 60_000;
/**
 * One that failed for so long, by nothing that passes by itself, is not tried again: a person has to
 * look, and the next start of the reactor tries again.
 */
const STOP_AFTER_MS = 60 * 60_000;
/** Far more, and it is the system that is ill and not the tasks. */
const MAX_SET_ASIDE = 1_000;

/** What is to be done because of an event; takes the place of a task with the same key. */
export type NewTask<Services> = {
  key: string;
  dueMs: number;
  /** Idempotent. Resolves to a number of milliseconds where it is to run again after so many. */
  run: (services: Services) => Promise<unknown>;
  /** From when on, in ms since 1970, it is given up after a few tries that fail. */
  untilMs?: number;
  /** Whether it may wait for somebody outside, such as a payment gateway. */
  callsGateway?: boolean;
  /** The steps that the log has to show before it counts as done by somebody else. */
  lacks?: string[];
};

/** A task that somebody did; with `step`, so much of what it lacked. */
export type DoneTask = { key: string; step?: string };

/** What an event asks for, and what it shows to be done. */
export type Reaction<Services> = { tasks?: NewTask<Services>[]; done?: DoneTask[] };

/** The event that asks for a task. */
export type Asked = Pick<StoredEvent, 'stream' | 'revision'> & {
  /** Log position of the event before it: from where it would be seen anew. */
  after: bigint | undefined;
};

/** Why a task is not tried any more: what it failed with last, and since when, RFC 3339 in UTC. */
export type Stopped = { because: string; since: string; tries: number };

/** A task that was set aside, by its key and the event that asks for it. */
export type SetAsideTask = { key: string; stream: string; revision: string; stopped?: Stopped };

/** What a task failed with; `passes` where that ends by itself, like an outage. */
export type Failure = { because: string; passes: boolean };

/** A task that is to be done. `dueMs` moves with each try that did not end it. */
export type Task<Services> = Omit<NewTask<Services>, 'lacks'> & {
  readonly asked: Asked;
  /** That failed since one succeeded. */
  tries: number;
  isSetAside: boolean;
  /** Since when it fails by what does not pass, in ms since 1970. */
  failingSinceMs?: number | undefined;
  stopped?: Stopped;
  readonly lacks: Set<string>;
};

/**
 * What is to be done because of the log, and what a checkpoint may say of it. It keeps the books and
 * runs nothing: who runs tasks, and by which clock, is for others (`Tasks`, simulations).
 */
export class TaskList<Services> {
  /** In the order of the log. */
  readonly #pending = new Map<string, Task<Services>>();

  get size(): number {
    return this.#pending.size;
  }

  [Symbol.iterator](): Iterator<Task<Services>> {
    return this.#pending.values();
  }

  /** Whether it is still to be done: not done by others meanwhile, and not replaced. */
  has(task: Task<Services>): boolean {
    return this.#pending.get(task.key) === task;
  }

  get(key: string): Task<Services> | undefined {
    return this.#pending.get(key);
  }

  /** One that was set aside before a restart is so still. */
  add(wanted: NewTask<Services>, asked: Asked, isSetAside = false): Task<Services> {
    const task = { ...wanted, asked, tries: 0, isSetAside, lacks: new Set(wanted.lacks) };
    this.#pending.delete(wanted.key);
    this.#pending.set(wanted.key, task);
    return task;
  }

  /** It is done, or with `step`, so much of it. Whether nothing of it is left to be done. */
  done({ key, step }: DoneTask): boolean {
    const lacks = this.#pending.get(key)?.lacks;
    if (step) lacks?.delete(step);
    return (!step || lacks?.size === 0) && this.#pending.delete(key);
  }

  /** After a run that succeeded: it is done, unless it is `againMs` that it resolved to. */
  succeeded(task: Task<Services>, againMs: unknown, nowMs: number): void {
    if (typeof againMs !== 'number') {
      this.#pending.delete(task.key);
      return;
    }
    task.dueMs = nowMs + againMs;
    task.tries = 0;
    task.failingSinceMs = undefined;
    task.isSetAside = againMs >= SET_ASIDE_FROM_MS;
  }

  /** After a run that failed: when it is tried again, or that it is not. */
  failed(
    task: Task<Services>,
    nowMs: number,
    { because, passes }: Failure,
  ): { isStuck: boolean; retryMs: number } | 'given-up' | 'stopped' {
    task.tries += 1;
    task.failingSinceMs = passes ? undefined : (task.failingSinceMs ?? nowMs);
    const isStuck = task.tries >= STUCK_AFTER_TRIES;
    if (isStuck && nowMs >= (task.untilMs ?? Infinity)) {
      this.#pending.delete(task.key);
      return 'given-up';
    }
    task.isSetAside ||= isStuck;
    if (isStuck && nowMs - (task.failingSinceMs ?? nowMs) >= STOP_AFTER_MS) {
      const since = new Date(task.failingSinceMs!).toISOString();
      task.stopped = { because, since, tries: task.tries };
      return 'stopped';
    }
    const mostMs = task.callsGateway && passes ? MAX_RETRY_OUTSIDE_MS : MAX_RETRY_MS;
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** task.tries, mostMs);
    task.dueMs = nowMs + retryMs;
    return { isStuck, retryMs };
  }

  /**
   * Everything up to `position` needs nothing more, but for the tasks that were `setAside`, of which
   * nobody would hear again; `seen` where there is no other task.
   */
  settled(seen: bigint | undefined): { position: bigint | undefined; setAside: SetAsideTask[] } {
    const setAside: SetAsideTask[] = [];
    for (const { key, asked, isSetAside, stopped } of this) {
      if (!isSetAside || setAside.length === MAX_SET_ASIDE) {
        return { position: asked.after, setAside };
      }
      const { stream, revision } = asked;
      setAside.push({ key, stream, revision: String(revision), ...(stopped && { stopped }) });
    }
    return { position: seen, setAside };
  }
}
