import type { Logger } from '../../platform/log.ts';
import { TaskList, type Asked, type DoneTask, type NewTask, type Task } from './task-list.ts';

const MAX_RUNNING = 16;
/** Of these, tasks that may wait for somebody outside: a gateway that is silent holds up no other. */
const MAX_RUNNING_OUTSIDE = 4;

type Lane<Services> = { readonly due: Set<Task<Services>>; running: number; readonly most: number };

/** Characters of a failure that are kept. */
const MAX_TOLD = 300;

/**
 * Runs what is to be done because of the log, each at its time and until it succeeds, a few at once.
 * What fails for long by something that does not pass is stopped: see `TaskList`.
 * After `signal` aborts, none begins, and none while `mayBegin` says no.
 */
export class Tasks<Services> {
  readonly #list = new TaskList<Services>();
  readonly #timers = new Map<Task<Services>, NodeJS.Timeout>();
  readonly #outside: Lane<Services> = { due: new Set(), running: 0, most: MAX_RUNNING_OUTSIDE };
  readonly #inside: Lane<Services> = { due: new Set(), running: 0, most: MAX_RUNNING };
  readonly #services: Services;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #now: () => Date;
  readonly #mayBegin: () => boolean;
  readonly #passes: (error: unknown) => boolean;

  /** @param passes whether what a task failed with ends by itself, such as an outage */
  constructor(
    services: Services,
    log: Logger,
    signal: AbortSignal,
    now: () => Date,
    mayBegin: () => boolean = () => true,
    passes: (error: unknown) => boolean = () => false,
  ) {
    this.#services = services;
    this.#passes = passes;
    this.#now = now;
    this.#mayBegin = mayBegin;
    this.#log = log;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const timer of this.#timers.values()) clearTimeout(timer);
    });
  }

  get size(): number {
    return this.#list.size;
  }

  settled(seen: bigint | undefined): ReturnType<TaskList<Services>['settled']> {
    return this.#list.settled(seen);
  }

  add(wanted: NewTask<Services>, asked: Asked, isSetAside = false): void {
    this.#forget(this.#list.get(wanted.key));
    this.#wait(this.#list.add(wanted, asked, isSetAside));
  }

  /** It is done, or with `step`, so much of it; or it is no longer to be done. */
  done(what: DoneTask): void {
    const task = this.#list.get(what.key);
    if (this.#list.done(what)) this.#forget(task);
  }

  #forget(task: Task<Services> | undefined): void {
    if (!task) return;
    clearTimeout(this.#timers.get(task));
    this.#timers.delete(task);
    this.#laneOf(task).due.delete(task);
  }

  #laneOf({ callsGateway }: Task<Services>): Lane<Services> {
    return callsGateway ? this.#outside : this.#inside;
  }

  #wait(task: Task<Services>): void {
    if (this.#signal.aborted) return;
    const begin = () => {
      this.#timers.delete(task);
      this.#laneOf(task).due.add(task);
      this.#start();
    };
    const waitMs = Math.max(0, task.dueMs - this.#now().getTime());
    this.#timers.set(task, setTimeout(begin, waitMs));
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
    try {
      const againMs = await task.run(this.#services);
      if (!this.#list.has(task)) return;
      this.#list.succeeded(task, againMs, this.#now().getTime());
    } catch (error) {
      if (!this.#list.has(task)) return;
      this.#reportFailure(task, error);
    }
    if (this.#list.has(task) && !task.stopped) this.#wait(task);
  }

  #reportFailure(task: Task<Services>, error: unknown): void {
    const because = String(error).slice(0, MAX_TOLD);
    const failure = { because, passes: this.#passes(error) };
    const outcome = this.#list.failed(task, this.#now().getTime(), failure);
    const about = { err: error, task: task.key, tries: task.tries };
    if (outcome === 'stopped') {
      this.#log.error(about, 'a task failed for too long: it waits for the next start');
      return;
    }
    if (outcome === 'given-up') {
      this.#log.error(about, 'a task was given up');
      return;
    }
    const { isStuck, retryMs } = outcome;
    this.#log[isStuck ? 'error' : 'warn']({ ...about, retryMs }, 'a task failed');
  }
}
