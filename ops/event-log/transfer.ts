/** Makes an event store hold what another, or an archive, holds: in the same order, once. */
import { headOfLog, type EventStore } from '../../platform/event-store.ts';
import { patience, readRawLog, type RawEvent } from '../../platform/raw-events.ts';
import { OperatorError, reasonOf } from '../command.ts';
import {
  describedBy,
  difference,
  isTombstone,
  restOf,
  shopEvents,
  steps,
  whereIs,
  withoutGaps,
  type Entry,
  type LeftOut,
  type Step,
} from './history.ts';
import { AppendCall, NO_REVISION } from '../../platform/appends.ts';
import { lost } from '../../platform/connection.ts';

/** Appends under way at a time. */
const MAX_STEPS_IN_FLIGHT = 64;
const MAX_BYTES_IN_FLIGHT = 4 * 1024 ** 2;

export type Source = {
  /** For messages: a folder, or an address without its password. */
  name: string;
  /** Everything in it, or only the shop's events; each call begins anew. */
  read: () => AsyncIterable<RawEvent>;
  /** What is behind this position is not wanted. */
  until: bigint;
};

export type Target = { name: string; client: EventStore };

export type Transfer = {
  /** Events that the target held before, and that it holds now. */
  found: number;
  written: number;
  /** Events in the place of those that a scavenge took, by stream. */
  filled: Record<string, number>;
  leftOut: LeftOut;
  /** The position in the source of the last event that the target holds now. */
  until: bigint;
};

type OnProgress = (events: number, position: bigint) => void;

/**
 * Appends to the target what it does not hold of the source. What it holds has to be how the source
 * begins: that is a copy that was interrupted, or one to which more is added. Throws an
 * `OperatorError` before anything is appended where it is anything else.
 */
export async function transfer(
  source: Source,
  target: Target,
  onProgress: OnProgress,
): Promise<Transfer> {
  const result: Transfer = { found: 0, written: 0, filled: {}, leftOut: {}, until: -1n };
  const onFilled = (stream: string) => {
    result.filled[stream] = (result.filled[stream] ?? 0) + 1;
  };
  const events = withoutGaps(shopEvents(source.read(), result.leftOut), onFilled);
  const held = new Held(source, target);
  let writer: Writer | undefined;
  try {
    for await (const step of steps(events, source.until)) {
      const matched = writer ? 0 : await held.match(step);
      if (matched < step.entries.length) {
        writer ??= new Writer(target, held.position);
        await writer.send(held.rest(step, matched));
      }
      result.found += matched;
      result.written += step.entries.length - matched;
      result.until = step.entries.at(-1)!.position;
      onProgress(result.found + result.written, result.until);
    }
    if (writer) await writer.finish();
    else await held.assertEnd();
    return result;
  } finally {
    writer?.close();
    await held.close();
  }
}

/** What the target holds, beside the source from the beginning on. */
class Held {
  readonly #source: Source;
  readonly #target: Target;
  readonly #events: AsyncGenerator<RawEvent>;
  /** Of the last event that was compared, in the target. */
  position: bigint | undefined;

  constructor(source: Source, target: Target) {
    this.#source = source;
    this.#target = target;
    this.#events = shopEvents(readRawLog(target.client, undefined));
  }

  /** How many of a step's entries are there: all, or as many as there are before the end. */
  async match({ entries }: Step): Promise<number> {
    for (const [index, entry] of entries.entries()) {
      const next = await this.#events.next();
      if (next.done) return index;
      const differs = difference(entry, next.value);
      if (differs !== undefined) throw this.#refusal(next.value, `should be ${whereIs(entry)}`);
      this.position = next.value.position;
    }
    return entries.length;
  }

  rest(step: Step, matched: number): Step {
    const rest = restOf(step, matched);
    if (rest) return rest;
    throw this.#refusal(step.entries[matched - 1]!, 'lacks what an event store writes with it');
  }

  async assertEnd(): Promise<void> {
    const next = await this.#events.next();
    if (!next.done) throw this.#refusal(next.value, 'is not in the source');
  }

  async close(): Promise<void> {
    await this.#events.return(undefined);
  }

  #refusal(event: RawEvent, what: string): OperatorError {
    return new OperatorError(
      `${this.#target.name} has events of its own, or is a copy of something else: there, ` +
        `${whereIs(event)} ${what}. Nothing was appended. ` +
        `${this.#source.name} goes into an empty event store, or on from a copy of itself.`,
    );
  }
}

const isPlain = ({ entries }: Step): boolean => entries.every(({ isTargetsOwn }) => !isTargetsOwn);

type Sent = { step: Step; done: Promise<bigint> };

/**
 * Sends steps in order and keeps many under way. After an error nothing more is sent until the
 * target was asked what it holds of them: an append whose answer was lost is not repeated, and
 * nothing is sent that would stand before what failed.
 */
class Writer {
  readonly #target: Target;
  #appends: AppendCall | undefined;
  #sent: Sent[] = [];
  #bytes = 0;
  /** In the target, of the last event that is known to be there. */
  #position: bigint | undefined;
  readonly #trouble = patience();

  constructor(target: Target, position: bigint | undefined) {
    this.#target = target;
    this.#position = position;
  }

  async send(step: Step): Promise<void> {
    // A deletion is no part of the call that orders the appends: it goes alone, and so does what
    // makes the target write an event of its own.
    const isAlone = !isPlain(step);
    if (isAlone) await this.finish();
    this.#put(step, await this.#open());
    const isFull = () =>
      this.#sent.length >= MAX_STEPS_IN_FLIGHT || this.#bytes >= MAX_BYTES_IN_FLIGHT;
    while (isAlone ? this.#sent.length > 0 : isFull()) await this.#settleOldest();
  }

  async finish(): Promise<void> {
    while (this.#sent.length > 0) await this.#settleOldest();
  }

  close(): void {
    this.#appends?.close();
  }

  async #open(): Promise<AppendCall> {
    return (this.#appends ??= await AppendCall.open(this.#target.client));
  }

  #put(step: Step, appends: AppendCall): void {
    const done = this.#perform(step, appends);
    // Looked at when its turn comes.
    done.catch(() => {});
    this.#sent.push({ step, done });
    this.#bytes += step.bytes;
  }

  /** Resolves to the position of the last event in the target. */
  async #perform(step: Step, appends: AppendCall): Promise<bigint> {
    const { kind, stream, entries } = step;
    const { client } = this.#target;
    if (kind === 'append') {
      const events = entries.filter(({ isTargetsOwn }) => !isTargetsOwn);
      const first = events[0]!.revision;
      const { position } = await appends.append(
        stream,
        first === 0n ? NO_REVISION : first - 1n,
        events,
      );
      if (isPlain(step)) return position;
    }
    // The metadata of a deleted stream says that it is; deleting it writes that.
    if (kind === 'delete') await client.deleteStream(describedBy(stream)!);
    if (kind === 'tombstone') await client.tombstoneStream(stream);
    return headOfLog(client);
  }

  async #settleOldest(): Promise<void> {
    const { step, done } = this.#sent[0]!;
    try {
      const position = await done;
      // It was there already, which is well if it is where it belongs.
      if (position <= (this.#position ?? 0n)) throw lost('An append was answered as a repeat.');
      this.#position = position;
      this.#trouble.reset();
      this.#sent.shift();
      this.#bytes -= step.bytes;
    } catch (error) {
      await this.#recover(error);
    }
  }

  /** Finds out what of the steps under way happened, and sends the others again. */
  async #recover(first: unknown): Promise<void> {
    for (let error = first; ;) {
      try {
        await this.#trouble.wait(error);
      } catch (last) {
        throw this.#giveUp(last);
      }
      this.#appends?.close();
      this.#appends = undefined;
      await Promise.allSettled(this.#sent.map(({ done }) => done));
      try {
        const { missing, position } = await this.#look();
        const appends = await this.#open();
        [this.#sent, this.#bytes, this.#position] = [[], 0, position];
        for (const step of missing) this.#put(step, appends);
        return;
      } catch (next) {
        error = next;
      }
    }
  }

  /** Which of the steps under way, or parts of one, the target does not hold; and where it ends. */
  async #look(): Promise<{ missing: Step[]; position: bigint | undefined }> {
    const held: RawEvent[] = [];
    const events = readRawLog(this.#target.client, this.#position);
    for await (const event of shopEvents(events)) held.push(event);
    const position = held.at(-1)?.position ?? this.#position;
    const missing: Step[] = [];
    for (const { step } of this.#sent) {
      const there = held.splice(0, step.entries.length);
      const isSame = there.every((event, i) => !difference(step.entries[i]!, event));
      const rest = there.length < step.entries.length ? restOf(step, there.length) : undefined;
      if (!isSame || (!rest && there.length < step.entries.length)) {
        throw outOfOrder(this.#target, step.entries[0]!);
      }
      if (rest) missing.push(rest);
    }
    if (held.length > 0) throw outOfOrder(this.#target, held[0]!);
    return { missing, position };
  }

  #giveUp(error: unknown): unknown {
    const { type } = error as { type?: string };
    const where = this.#sent[0] && whereIs(this.#sent[0].step.entries[0]!);
    if (type === 'wrong-expected-version' || type === 'stream-deleted') {
      return new OperatorError(
        `Somebody else writes to ${this.#target.name}: it did not take ${where}. ` +
          'A copy needs a target of its own: start again with an empty event store.',
      );
    }
    if (error instanceof OperatorError) return error;
    return new OperatorError(
      `${this.#target.name} does not take ${where}: ${reasonOf(error)}. ` +
        'The same command goes on from there.',
      { cause: error },
    );
  }
}

const outOfOrder = ({ name }: Target, event: RawEvent): OperatorError =>
  new OperatorError(
    `${name} holds something else where ${whereIs(event)} of the source belongs: it failed in the ` +
      'middle, or somebody else writes to it. Start again with an empty event store.',
  );

/**
 * Compares all of the source up to `until` with all of the target, event by event, and throws an
 * `OperatorError` at the first difference. Knows nothing of how the target was written: it allows
 * another id only for what event stores write themselves. Resolves to the number of events.
 */
export async function compare(
  source: Source,
  target: Target,
  onProgress: OnProgress,
): Promise<{ events: number; otherIds: number }> {
  const actual = shopEvents(readRawLog(target.client, undefined));
  let [events, otherIds] = [0, 0];
  try {
    for await (const event of withoutGaps(shopEvents(source.read()))) {
      if (event.position > source.until) break;
      const next = await actual.next();
      if (next.done) throw differs(source, target, `${whereIs(event)} is not there`);
      const mayBeOwn = isTombstone(event) || describedBy(event.stream) !== undefined;
      const isTargetsOwn = mayBeOwn && next.value.id !== event.id;
      const entry: Entry = { ...event, isTargetsOwn };
      const what = difference(entry, next.value);
      if (what) throw differs(source, target, `the ${what} of ${whereIs(event)} is another`);
      events += 1;
      if (isTargetsOwn) otherIds += 1;
      onProgress(events, event.position);
    }
    const more = await actual.next();
    if (!more.done) throw differs(source, target, `${whereIs(more.value)} is only there`);
    return { events, otherIds };
  } finally {
    await actual.return(undefined);
  }
}

const differs = (source: Source, target: Target, what: string): OperatorError =>
  new OperatorError(`${target.name} is NOT the same as ${source.name}: in it, ${what}.`);
