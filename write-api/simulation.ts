import {
  StreamNotFoundError,
  WrongExpectedVersionError,
  type EventData,
} from '@eventstore/db-client';
import type { EventMetadata, EventStore, StoredEvent } from '../platform/event-store.ts';
import { createLog } from '../platform/log.ts';
import { createHandler, type Handler } from './handle.ts';

/** A whole number from 0 to below `below`; the same ones again for the same seed. */
export type Pick = (below: number) => number;

/** Mulberry32. */
export function pickFrom(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Lets one of those who wait go on at a time, in an order that `pick` decides. */
export class Turns {
  readonly #pick: Pick;
  readonly #waiting: (() => void)[] = [];

  constructor(pick: Pick) {
    this.#pick = pick;
  }

  take(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives turns until the work is done. Rejects where it waits for something else than a turn. */
  async until<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = () => void (done = true);
    work.then(end, end);
    for (;;) {
      // Whatever the last turn set going comes to its own next turn, or to its end.
      await new Promise((resolve) => setImmediate(resolve));
      if (done) return work;
      const [next] = this.#waiting.splice(this.#pick(this.#waiting.length), 1);
      if (!next) throw new Error('the work waits for something that is not here');
      next();
    }
  }
}

const NO_STREAM = -1n;

/** A log in memory that takes appends as the event store does: at the revision that is expected. */
export class MemoryLog {
  readonly events: StoredEvent[] = [];
  readonly #streams = new Map<string, StoredEvent[]>();

  stream(name: string): StoredEvent[] {
    return this.#streams.get(name) ?? [];
  }

  /** The position of the last event. Throws the client's `WrongExpectedVersionError`. */
  append(stream: string, events: EventData[], expected: bigint | 'no_stream'): bigint {
    const known = this.stream(stream);
    const revision = BigInt(known.length) - 1n;
    if (revision !== (expected === 'no_stream' ? NO_STREAM : expected)) {
      const versions = { streamName: stream, expected, current: revision };
      throw new WrongExpectedVersionError(undefined, versions);
    }
    const stored = events.map(({ id, type, data, metadata }, index): StoredEvent => {
      const place = { revision: revision + BigInt(index + 1) };
      const position = BigInt(this.events.length + index + 1);
      return { stream, id, type, data, metadata: metadata as EventMetadata, ...place, position };
    });
    this.events.push(...stored);
    this.#streams.set(stream, [...known, ...stored]);
    return BigInt(this.events.length);
  }

  /** What of the client `createHandler` uses; each call, and each answer, waits for a turn. */
  client(turn: () => Promise<void>): EventStore {
    const client = {
      appendToStream: async (
        stream: string,
        events: EventData[],
        { expectedRevision }: { expectedRevision: bigint | 'no_stream' },
      ) => {
        await turn();
        const position = this.append(stream, events, expectedRevision);
        await turn();
        return { position: { commit: position } };
      },
      readStream: (name: string, { fromRevision }: { fromRevision: bigint }) =>
        this.#read(name, fromRevision, turn),
    };
    return client as unknown as EventStore;
  }

  async *#read(name: string, fromRevision: bigint, turn: () => Promise<void>) {
    await turn();
    const events = this.stream(name);
    if (events.length === 0) throw new StreamNotFoundError(undefined, name);
    for (const { stream: streamId, position, ...event } of events.slice(Number(fromRevision))) {
      yield { event: { ...event, streamId, position: { commit: position } } };
    }
  }
}

/**
 * A server for one history after the other: making one takes 2 ms, most of it for its caches. It
 * remembers nothing of a history whose streams have names of their own.
 */
export class ReusedServer {
  #client: EventStore | undefined;
  readonly handler: Handler;

  constructor() {
    const client = {
      appendToStream: (...args: Parameters<EventStore['appendToStream']>) =>
        this.#client!.appendToStream(...args),
      readStream: (...args: Parameters<EventStore['readStream']>) =>
        this.#client!.readStream(...args),
    };
    this.handler = createHandler(client as EventStore, createLog('test', 'silent'));
  }

  /** The server on another log. */
  on(client: EventStore): Handler {
    this.#client = client;
    return this.handler;
  }
}
