import { mock } from 'node:test';
import type { Decider, Message } from '../engine/decider.ts';
import { Rejected } from '../domain/rejection.ts';
import { listingId } from '../domain/catalogue/listing.ts';
import type { PlacedOrder } from '../domain/ordering/order.ts';
import { type EventStore } from '../platform/event-store.ts';
import { Problem } from '../platform/http.ts';
import { systemContext, type Cause } from '../engine/processes/cause.ts';
import type { CommandContext, Handler, Outcome } from '../engine/commands/handle.ts';
import { GatewayUnavailable, paymentPorts } from '../write-api/payment-ports.ts';
import type { NewTask } from '../engine/processes/task-list.ts';
import type { ReactorServices } from '../write-api/reactions.ts';
import {
  FAILED,
  MemoryLog,
  ReusedServer,
  SimulatedGateway,
  SimulatedReactor,
  Turns,
  pickFrom,
  type Pick,
} from './simulation.ts';
import { AppendOutcomeUnknown } from '../platform/appends.ts';
import { isEventStoreUnavailable } from '../platform/connection.ts';

export const OPENED_MS = Date.parse('2026-11-21T04:30:00Z');
export const SLOT = { date: '2026-11-22', fromMinute: 600, toMinute: 720 };
export const STORES = 2;
export const SKUS = ['dal', 'ghee', 'rice'] as const;
/** Nobody looks whether everything may be done yet for longer than this. */
const MAX_PAUSE_MS = 10 * 60_000;
/** One of so many answers to an append gets lost. */
const LOST_ANSWERS = 40;
/** One of so many tasks of a reactor is its server's last, and one of so many is done twice. */
const FATAL_TASKS = 5;
const REPEATED_TASKS = 5;
/** One of so many looks at what is to be done is that of a reactor that just started. */
const RESTARTS = 8;
const MAX_STEPS = 24;
const MAX_TRIES = 5;
/** Rounds in which the reactor has to be done with everything. */
const MAX_ROUNDS = 500;

class Killed extends Error {}

/** What may become of a step without anything being wrong: somebody takes it again. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Killed ||
  error instanceof AppendOutcomeUnknown ||
  error instanceof GatewayUnavailable ||
  error instanceof Problem ||
  isEventStoreUnavailable(error);

export const context = (commandId: string, cause?: Cause): CommandContext => ({
  commandId,
  correlationId: commandId,
  causationId: commandId,
  actor: 'test',
  ...cause,
});

/** A command that a process gave: a server may have frozen before it, and wake at any time. */
type Given = () => Promise<Outcome<unknown>>;
/** What is told from outside is told under its own name. */
const OUTSIDE = ['test', 'payment-gateway'];

const pool: ReusedServer[] = [];
/** Played so far: their number is part of every name in them. */
let histories = 0;

/** One history: its log, its servers, its clock, and whose turn it is. */
export class World {
  readonly number = ++histories;
  readonly memory = new MemoryLog();
  readonly pick: Pick;
  readonly turns: Turns;
  readonly gateway: SimulatedGateway;
  readonly reactor = new SimulatedReactor(this.memory);
  readonly stores = [`near${this.number}`, `far${this.number}`];
  readonly listings = this.stores.flatMap((id) => SKUS.map((sku) => listingId(id, sku)));
  /** Two servers that stay, and one whose calls nobody waits for. */
  readonly a: ReactorServices;
  readonly b: ReactorServices;
  readonly calm: ReactorServices;
  readonly placed = new Map<string, PlacedOrder>();
  /** What shoppers were told of their orders. */
  readonly answers: { orderId: string; status: string; confirmed: boolean }[] = [];
  readonly #given: Given[] = [];
  readonly #faults: boolean;
  #servers = 0;

  constructor({ seed, faults, refuses }: { seed: number; faults: boolean; refuses: boolean }) {
    this.#faults = faults;
    this.pick = pickFrom(seed);
    this.turns = new Turns(this.pick);
    this.gateway = new SimulatedGateway(
      () => refuses && this.pick(3) === 0,
      () => this.pick(4) === 0,
    );
    const turn = async () => {
      await this.turns.take();
      if (faults && this.pick(LOST_ANSWERS) === 0)
        throw Object.assign(new Error('lost'), { code: 14 });
    };
    this.a = this.#server(turn);
    this.b = this.#server(turn);
    this.calm = this.#server(async () => {});
  }

  #server(turn: () => Promise<void>): ReactorServices {
    const server = (pool[this.#servers++] ??= new ReusedServer());
    const client: EventStore = this.memory.client(turn);
    const handler = this.#remembering(server.on(client));
    const port = this.gateway.port(async () => {
      await turn().catch((error: unknown) => {
        throw error instanceof Killed ? error : new GatewayUnavailable('lost', { cause: error });
      });
    });
    const now = () => new Date();
    return { client, drivers: { handler, payments: paymentPorts(handler, port), now } };
  }

  /** Each command of a process, whether or not it comes to be taken, can be taken again. */
  #remembering({ handle, ...rest }: Handler): Handler {
    return {
      ...rest,
      handle: (decider, id, command, asked) => {
        const { actor, correlationId, causationId } = asked;
        const again = () => systemContext(actor, { correlationId, causationId });
        if (!OUTSIDE.includes(actor)) {
          const { handler } = this.calm.drivers;
          this.#given.push(() => handler.handle(decider, id, command, again()));
        }
        return handle(decider, id, command, asked);
      },
    };
  }

  /** A server wakes that froze before a command, and of which nobody remembers the id; and dies. */
  async wake(): Promise<void> {
    const frozen = this.#given[this.pick(this.#given.length)];
    await frozen?.().catch((error: unknown) => {
      if (!(error instanceof Rejected)) throw error;
    });
  }

  /** Every such server, in some order. */
  async wakeAll(): Promise<void> {
    for (let left = this.#given.length; left > 0; left--) await this.wake();
  }

  /** A server that dies after so many calls and answers, where any does. */
  mortal(steps: number): ReactorServices {
    if (!this.#faults) return this.some();
    let left = steps;
    return this.#server(async () => {
      left -= 1;
      if (left < 0) throw new Killed();
      await this.turns.take();
    });
  }

  some(): ReactorServices {
    return this.pick(2) === 0 ? this.a : this.b;
  }

  load<S, C extends Message, E extends Message>(decider: Decider<S, C, E>, id: string): Promise<S> {
    return this.calm.drivers.handler.load(decider, id, { fresh: true });
  }

  /** A command that somebody gives, again with its key where no answer came; it may be refused. */
  async attempt<S, C extends Message, E extends Message>(
    decider: Decider<S, C, E>,
    id: string,
    command: C,
  ): Promise<void> {
    const key = context(`${id} ${command.type} ${this.pick(2 ** 30)}`);
    const asked = { ...key, fingerprint: JSON.stringify(command.data) };
    await this.bravely(() => this.some().drivers.handler.handle(decider, id, command, asked));
  }

  /** Does something again where its answer got lost; refusals are nothing special. */
  async bravely(act: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      try {
        await act();
        return;
      } catch (error) {
        if (error instanceof Rejected) return;
        if (!isPassing(error)) throw error;
      }
    }
  }

  passTo(ms: number): void {
    mock.timers.setTime(Math.max(Date.now(), ms));
  }

  /** The reactor's next look: whatever is due, on whichever server; what fails stays to be done. */
  async react(): Promise<void> {
    if (this.#faults && this.pick(RESTARTS) === 0) this.reactor.restart();
    await this.reactor.runDue((task) => this.#run(task));
  }

  async #run(task: { run: NewTask<ReactorServices>['run'] }): Promise<unknown> {
    const isLast = this.pick(FATAL_TASKS) === 0;
    const runs = [task.run(isLast ? this.mortal(this.pick(MAX_STEPS)) : this.some())];
    if (this.pick(REPEATED_TASKS) === 0) runs.push(task.run(this.some()));
    const [first, second] = await Promise.allSettled(runs);
    for (const one of [first!, second]) {
      if (one?.status === 'rejected' && !isPassing(one.reason)) throw one.reason;
    }
    return first!.status === 'rejected' ? FAILED : first!.value;
  }

  /** Lets the reactor look, and time pass until then at most, until nothing is left to be done. */
  async settle(untilMs: number): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const due = this.reactor.dueTimes().filter((ms) => ms <= untilMs);
      if (due.length === 0) return;
      if (due.every((ms) => ms > Date.now())) {
        const pauseMs = this.pick(3) === 0 ? this.pick(MAX_PAUSE_MS) : 0;
        this.passTo(Math.min(due[this.pick(due.length)]! + pauseMs, untilMs));
      }
      await this.react();
    }
    throw new Error(`the reactor does not come to an end`);
  }

  /** Does everything again, as a reactor does that starts from the beginning. */
  async reactAnew(): Promise<void> {
    for (const task of this.reactor.all()) await task.run(this.calm);
  }
}
