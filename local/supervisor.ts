import { setTimeout as delay } from 'node:timers/promises';

const READY_POLL_MS = 25;
const FIRST_READY_TIMEOUT_MS = 120_000;
/** Deaths before a service was ever ready: more than that is a fault, not bad luck. */
const FIRST_START_TRIES = 4;
/** A service that ran this long has recovered; its next death is its first again. */
const STABLE_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;
/** How long a stop asks; whoever started us, systemd for one, waits for ten seconds and more. */
const PATIENCE_MS = 8_000;
const SAY_EVERY_MS = 2_000;

/** One life of a service. */
export type Running = {
  /** Settles with the reason when it has ended, however that came. */
  exited: Promise<string>;
  /** Ends it, within a bounded time; at once when it is told `now`. */
  stop(now?: AbortSignal): Promise<void>;
};

export type Service = {
  name: string;
  /** The services that must be ready before this one is launched, and that outlast it. */
  needs: string[];
  launch(): Promise<Running>;
  /** Whether it can serve now. A rejection counts as no. */
  ready(): Promise<boolean>;
};

/**
 * Does something harder when a time is over, or at once when nobody waits any more (`now`). Answers
 * what calls it off.
 */
export function whenPatienceEnds(
  limitMs: number,
  now: AbortSignal | undefined,
  harder: () => void,
) {
  const ends = AbortSignal.any([AbortSignal.timeout(limitMs), ...(now ? [now] : [])]);
  if (ends.aborted) harder();
  ends.addEventListener('abort', harder);
  return () => ends.removeEventListener('abort', harder);
}

/** A service that cannot be started at all. */
export class ServiceFailed extends Error {
  readonly service: string;
  constructor(service: string, reason: string) {
    super(`${service} does not start: ${reason}`);
    this.service = service;
  }
}

export type Supervisor = {
  /** Resolves when every service is ready; rejects with `ServiceFailed` when one is given up. */
  start(): Promise<void>;
  /**
   * Ends everything, each service before what it needs, within ten seconds: says what it waits for,
   * and no longer asks what still runs near the end. May be called at any time, and twice.
   */
  stop(): Promise<void>;
};

/**
 * Keeps services running: launches each as soon as what it needs is ready, and launches it again
 * whenever it ends by itself: at once the first time, then with a growing pause.
 *
 * `say` gets one line for each change of state that somebody should know of.
 */
export function supervise(
  services: Service[],
  say: (line: string) => void,
  { patienceMs = PATIENCE_MS, sayEveryMs = SAY_EVERY_MS } = {},
): Supervisor {
  const stopping = new AbortController();
  const kept = new Map(
    services.map((service) => [service.name, new Keeper(service, stopping.signal, say)]),
  );
  const get = (name: string) => {
    const found = kept.get(name);
    if (!found) throw new Error(`no service is called ${name}`);
    return found;
  };

  const stops = new Map<string, Promise<void>>();
  const stopService = (service: Service): Promise<void> => {
    const users = services.filter((other) => other.needs.includes(service.name));
    const stop =
      stops.get(service.name) ??
      Promise.all(users.map(stopService)).then(() => get(service.name).stop(patience.signal));
    stops.set(service.name, stop);
    void stop.then(() => running.delete(service.name));
    return stop;
  };
  const patience = new AbortController();
  const running = new Set(services.map(({ name }) => name));
  const sayWhatRuns = () => say(`waiting for ${[...running].join(', ')}`);

  return {
    async start() {
      const started = services.map(async ({ name, needs }) => {
        const keep = get(name);
        await Promise.all(needs.map((need) => get(need).firstReady));
        keep.begin();
        await keep.firstReady;
      });
      await Promise.all(started);
    },
    async stop() {
      stopping.abort();
      const saying = setInterval(sayWhatRuns, sayEveryMs);
      const enough = setTimeout(() => patience.abort(), patienceMs);
      await Promise.all(services.map(stopService));
      clearInterval(saying);
      clearTimeout(enough);
    },
  };
}

/** Keeps one service running. */
class Keeper {
  readonly #service: Service;
  readonly #stopping: AbortSignal;
  readonly #say: (line: string) => void;
  readonly #first = Promise.withResolvers<void>();
  #running: Running | undefined;
  #loop: Promise<void> | undefined;

  constructor(service: Service, stopping: AbortSignal, say: (line: string) => void) {
    this.#service = service;
    this.#stopping = stopping;
    this.#say = say;
    // Whoever waits hears of a failure; where nobody does yet, it must not end the process.
    this.#first.promise.catch(() => {});
  }

  /** Settles once: ready for the first time, or given up. */
  get firstReady(): Promise<void> {
    return this.#first.promise;
  }

  begin(): void {
    setTimeout(() => this.#giveUp('it is not ready in time'), FIRST_READY_TIMEOUT_MS).unref();
    this.#loop = this.#keepAlive();
  }

  async stop(now: AbortSignal): Promise<void> {
    this.#giveUp('it was stopped');
    await this.#running?.stop(now);
    await this.#loop;
  }

  #giveUp(reason: string): void {
    this.#first.reject(new ServiceFailed(this.#service.name, reason));
  }

  async #keepAlive(): Promise<void> {
    const { name } = this.#service;
    let wasReady = false;
    let deaths = 0;
    let diedAt = 0;
    while (!this.#stopping.aborted) {
      const launchedAt = Date.now();
      const end = await this.#liveOnce(() => {
        if (wasReady) this.#say(`${name} is back after ${seconds(Date.now() - diedAt)}`);
        wasReady = true;
        this.#first.resolve();
      });
      if (this.#stopping.aborted) return;
      diedAt = Date.now();
      deaths = diedAt - launchedAt > STABLE_MS ? 1 : deaths + 1;
      if (!wasReady && deaths === FIRST_START_TRIES) return this.#giveUp(end);
      const pauseMs =
        deaths === 1 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** (deaths - 2), MAX_BACKOFF_MS);
      const when = pauseMs === 0 ? '' : ` in ${seconds(pauseMs)}`;
      this.#say(`${name} stopped by itself (${end}): starting it again${when}`);
      await delay(pauseMs, undefined, { signal: this.#stopping }).catch(ignoreAbort);
    }
  }

  /** Launches it, tells when it is ready, and answers why it ended. */
  async #liveOnce(onReady: () => void): Promise<string> {
    let running: Running;
    try {
      running = await this.#service.launch();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    this.#running = running;
    if (this.#stopping.aborted) await running.stop();
    const ended = new AbortController();
    void running.exited.then(() => ended.abort());
    while (!ended.signal.aborted && !this.#stopping.aborted) {
      if (await this.#service.ready().catch(() => false)) {
        onReady();
        break;
      }
      await delay(READY_POLL_MS);
    }
    return running.exited;
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
