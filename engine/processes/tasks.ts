import type { StoredEvent } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** Tries after which a task counts as stuck and is logged as an error, for somebody to look. */
const STUCK_AFTER_TRIES = 10;
/** A task that waits as long, or is stuck, is set aside: the checkpoint does not wait for it. */
const SET_ASIDE_FROM_MS = 5 * 60_000;
/** Far more, and it is the system that is ill and not the tasks. */
const MAX_SET_ASIDE = 1_000;
const MAX_RUNNING = 16;
/** Of these, tasks that may wait for somebody outside: a gateway that is silent holds up no other. */
const MAX_RUNNING_OUTSIDE = 4;

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
type Asked = Pick<StoredEvent, 'stream' | 'revision'> & {
  /** Log position of the event before it: from where it would be seen anew. */
  after: bigint | undefined;
};

/** A task that was set aside, by its key and the event that asks for it. */
export type SetAsideTask = { key: string; stream: string; revision: string };

type Task<Services> = Omit<NewTask<Services>, 'lacks'> & {
  asked: Asked;
  /** That failed since one succeeded. */
  tries: number;
  isSetAside: boolean;
  lacks: Set<string>;
  timer: NodeJS.Timeout | undefined;
};

type Lane<Services> = { readonly due: Set<Task<Services>>; running: number; readonly most: number };

/**
 * What is to be done because of the log, each at its time and until it succeeds, a few at once.
 * After `signal` aborts, none begins, and none while `mayBegin` says no.
 */
export class Tasks<Services> {
  /** In the order of the log. */
  readonly #pending = new Map<string, Task<Services>>();
  readonly #outside: Lane<Services> = { due: new Set(), running: 0, most: MAX_RUNNING_OUTSIDE };
  readonly #inside: Lane<Services> = { due: new Set(), running: 0, most: MAX_RUNNING };
  readonly #services: Services;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #now: () => Date;
  readonly #mayBegin: () => boolean;

  constructor(
    services: Services,
    log: Logger,
    signal: AbortSignal,
    now: () => Date,
    mayBegin: () => boolean = () => true,
  ) {
    this.#services = services;
    this.#now = now;
    this.#mayBegin = mayBegin;
    this.#log = log;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const { timer } of this.#pending.values()) clearTimeout(timer);
    });
  }

  get size(): number {
    return this.#pending.size;
  }

  /**
   * Everything up to `position` needs nothing more, but for the tasks that were `setAside`, of which
   * nobody would hear again; `seen` where there is no other task.
   */
  settled(seen: bigint | undefined): { position: bigint | undefined; setAside: SetAsideTask[] } {
    const setAside: SetAsideTask[] = [];
    for (const { key, asked, isSetAside } of this.#pending.values()) {
      if (!isSetAside || setAside.length === MAX_SET_ASIDE) {
        return { position: asked.after, setAside };
      }
      setAside.push({ key, stream: asked.stream, revision: String(asked.revision) });
    }
    return { position: seen, setAside };
  }

  /** One that was set aside before a restart is so still. */
  add(wanted: NewTask<Services>, asked: Asked, isSetAside = false): void {
    const { key, dueMs, lacks } = wanted;
    this.#drop(key);
    const rest = { tries: 0, isSetAside, lacks: new Set(lacks), timer: undefined };
    const task: Task<Services> = { ...wanted, asked, ...rest };
    this.#pending.set(key, task);
    this.#wait(task, Math.max(0, dueMs - this.#now().getTime()));
  }

  /** It is done, or with `step`, so much of it; or it is no longer to be done. */
  done({ key, step }: DoneTask): void {
    const lacks = this.#pending.get(key)?.lacks;
    if (step) lacks?.delete(step);
    if (!step || lacks?.size === 0) this.#drop(key);
  }

  #drop(key: string): void {
    const task = this.#pending.get(key);
    if (!task) return;
    clearTimeout(task.timer);
    this.#laneOf(task).due.delete(task);
    this.#pending.delete(key);
  }

  #laneOf({ callsGateway }: Task<Services>): Lane<Services> {
    return callsGateway ? this.#outside : this.#inside;
  }

  #wait(task: Task<Services>, waitMs: number): void {
    if (this.#signal.aborted) return;
    task.timer = setTimeout(() => {
      this.#laneOf(task).due.add(task);
      this.#start();
    }, waitMs);
  }

  /** As many at once as may run; each that ends makes room for the next. */
  #start(): void {
    for (const lane of [this.#outside, this.#inside]) {
      for (const task of lane.due) {
        const running = this.#outside.running + this.#inside.running;
        const isFull = lane.running >= lane.most || running >= MAX_RUNNING;
        if (isFull || this.#signal.aborted || !this.#mayBegin()) break;
        lane.due.delete(task);
        lane.running += 1;
        void this.#run(task).then(() => {
          lane.running -= 1;
          this.#start();
        });
      }
    }
  }

  /** Never rejects. */
  async #run(task: Task<Services>): Promise<void> {
    const { key } = task;
    const isWanted = () => this.#pending.get(key) === task;
    try {
      const againMs = await task.run(this.#services);
      if (!isWanted()) return;
      if (typeof againMs !== 'number') {
        this.#pending.delete(key);
        return;
      }
      Object.assign(task, { tries: 0, isSetAside: againMs >= SET_ASIDE_FROM_MS });
      this.#wait(task, againMs);
    } catch (error) {
      if (isWanted()) this.#fail(task, error);
    }
  }

  #fail(task: Task<Services>, error: unknown): void {
    const { key, untilMs = Infinity } = task;
    const tries = (task.tries += 1);
    const isStuck = tries >= STUCK_AFTER_TRIES;
    if (isStuck && this.#now().getTime() >= untilMs) {
      this.#log.error({ err: error, task: key, tries }, 'a task was given up');
      this.#drop(key);
      return;
    }
    task.isSetAside ||= isStuck;
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** tries, MAX_RETRY_MS);
    this.#log[isStuck ? 'error' : 'warn'](
      { err: error, task: key, tries, retryMs },
      'a task failed',
    );
    this.#wait(task, retryMs);
  }
}
