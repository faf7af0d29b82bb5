/**
 * Plays recorded scenarios against a server and tells where its answers are others than those of
 * EventStoreDB. `answers.jsonl` has a scenario in each line, in the words of the client:
 *
 *     {"id", "topic", "why", "alone"?, "steps": [{"op", …, "wait"?, "do"?: [step…], "answer"}]}
 *
 * A stream `s1` is a name of this play: a prefix that no other has, and `$` kept in front. In texts
 * `{s1}` is that name, `{$$s1}` its metadata's, `{}` the prefix. Ids of events are symbols too: an
 * event `"A:Ab"` is JSON, id A, type Ab, data `{"n":"A"}`; `"A"` has type `T`; else it is an object.
 * In answers an event is `[stream, revision, id]`, with its type where the scenario did not choose
 * the id. `alone` is what reads $all beside nobody who writes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  binaryEvent,
  eventTypeFilter,
  jsonEvent,
  persistentSubscriptionToAllSettingsFromDefaults as toAll,
  persistentSubscriptionToStreamSettingsFromDefaults as toStream,
  streamNameFilter,
  type AppendExpectedRevision,
  type AppendResult,
  type EventData,
  type EventStoreDBClient,
  type Filter,
  type PersistentAction,
  type PersistentSubscriptionToAll,
  type PersistentSubscriptionToAllInfo,
  type PersistentSubscriptionToStream,
  type PersistentSubscriptionToStreamInfo,
  type ReadPosition,
  type ReadRevision,
  type ResolvedEvent,
  type StreamMetadata,
  type StreamingRead,
} from '@eventstore/db-client';
import type { Subscription } from './case.ts';
import { Names, type Answer, type Json } from './recorded-names.ts';

type EventSpec =
  | string
  | ({
      id: string;
      type?: string;
      json?: unknown;
      text?: string;
      base64?: string;
      size?: number;
    } & {
      metadata?: Json & { base64?: string };
    });
type FilterSpec = Json & { on: string; prefixes?: string[]; regex?: string };
type Place = string | { far: true } | Record<'of' | 'before' | 'after', [string, number]>;
type Window = { events?: number; ms?: number };

export type Step = {
  op: keyof typeof OPERATIONS;
  wait?: number;
  stream?: string;
  call?: 'batch' | 'unary';
  expected?: string | number;
  events?: EventSpec[];
  dir?: 'forwards' | 'backwards';
  from?: number | Place;
  maxCount?: number;
  resolveLinks?: boolean;
  whole?: boolean;
  metadata?: StreamMetadata;
  group?: string;
  settings?: Json;
  filter?: FilterSpec;
  checkpoints?: boolean;
  reply?: string | string[];
  bufferSize?: number;
  first?: Window;
  then?: Window;
  do?: Step[];
  answer: Answer;
};
export type Scenario = { id: string; topic: string; why: string; alone?: true; steps: Step[] };
/** A step that was answered otherwise than it was recorded. */
export type Difference = { step: Partial<Step>; recorded: Answer; answered: Answer };

export const scenarios = (): Scenario[] =>
  readFileSync(new URL('answers.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Scenario);

/** So long nobody waits for an answer. */
const HANG_MS = 4_000;
/** A subscription is watched so much longer than it had to be. */
const GRACE_MS = 300;
const SILENCE_MS = 500;
const WATCH_MS = 5_000;

type Play = { client: EventStoreDBClient; names: Names; differences: Difference[] };
type Played = Play & { step: Step; stream: string };

/** Plays the steps of a scenario, and gives those that are answered otherwise than recorded. */
export async function play(client: EventStoreDBClient, { steps }: Scenario): Promise<Difference[]> {
  const differences: Difference[] = [];
  const names = new Names();
  for (const step of steps) await perform({ client, names, differences }, step);
  return differences;
}

async function perform(context: Play, step: Step): Promise<void> {
  if (step.wait !== undefined) await setTimeout(step.wait);
  const { names, differences } = context;
  const stream = names.stream(step.stream ?? '');
  const work: Promise<Answer> = OPERATIONS[step.op]({ ...context, step, stream }).catch(
    (error: unknown) => names.error(error),
  );
  // Watching takes its time.
  const hanging: Promise<Answer>[] = step.op.startsWith('subscribe')
    ? []
    : [setTimeout(HANG_MS, { hangs: true }, { ref: false })];
  const answer = await Promise.race([work, ...hanging]);
  const { do: _, answer: recorded, ...asked } = step;
  const answered = JSON.parse(JSON.stringify(answer)) as Answer;
  if (!isDeepStrictEqual(answered, recorded)) differences.push({ step: asked, recorded, answered });
}

const revisionOf = (from: unknown): ReadRevision =>
  (typeof from === 'number' ? BigInt(from) : from) as ReadRevision;

const expectedOf = ({ expected = 'any' }: Step): { expectedRevision: AppendExpectedRevision } => ({
  expectedRevision: revisionOf(expected) as AppendExpectedRevision,
});

/** A position that the scenario names by an event, which is read where it was not seen yet. */
async function positionOf({ client, names, step }: Played): Promise<ReadPosition> {
  const from = step.from as Place;
  if (typeof from === 'string') return from as ReadPosition;
  if ('far' in from) return { commit: 2n ** 50n, prepare: 2n ** 50n };
  const at = from.of ?? from.before ?? from.after;
  if (!names.positionOf(at)) {
    const options = { fromRevision: BigInt(at[1]), maxCount: 1 };
    for await (const each of client.readStream(names.stream(at[0]), options)) names.resolved(each);
  }
  const { commit, prepare } = names.positionOf(at)!;
  const off = from.before ? -1n : from.after ? 1n : 0n;
  return { commit: commit + off, prepare: prepare + off };
}

function eventOf(names: Names, spec: EventSpec): EventData {
  if (typeof spec === 'string') {
    const [id, type] = spec.split(':') as [string, string?];
    return jsonEvent({ id: names.id(id), type: type ?? 'T', data: { n: id } });
  }
  const { metadata, json, text, base64, size } = spec;
  const bytes = metadata?.base64 === undefined ? undefined : Buffer.from(metadata.base64, 'base64');
  const base = {
    id: names.id(spec.id),
    type: spec.type ?? 'T',
    ...(metadata && { metadata: bytes ? new Uint8Array(bytes) : metadata }),
  };
  if (json !== undefined)
    return jsonEvent({
      ...base,
      data: (typeof json === 'string' ? names.fill(json) : json) as Json,
    });
  let data = Buffer.alloc(size ?? 0, 'x');
  if (base64 !== undefined) data = Buffer.from(base64, 'base64');
  else if (text !== undefined) data = Buffer.from(names.fill(text));
  return binaryEvent({ ...base, data });
}

function filterOf(names: Names, spec: FilterSpec | undefined): { filter: Filter } | undefined {
  if (!spec) return undefined;
  const { on, prefixes, regex, ...options } = spec;
  const make = (on === 'eventType' ? eventTypeFilter : streamNameFilter) as (by: object) => Filter;
  if (regex !== undefined) return { filter: make({ ...options, regex: names.fill(regex) }) };
  const filled = prefixes!.map((prefix) => names.fill(prefix));
  return { filter: make({ ...options, prefixes: filled }) };
}

function written({ names, step }: Played, stream: string, result: AppendResult): Answer {
  const { nextExpectedRevision: revision, position } = result;
  const isEmpty = step.events?.length === 0;
  const before = isEmpty ? undefined : names.note(position, stream, revision);
  const other = before !== undefined && before !== `${String(names.plain(stream))}/${revision}`;
  const ok = { nextRevision: names.plain(revision), hasPosition: position !== undefined };
  return { ok: other ? { ...ok, positionOf: before } : ok };
}

async function readAnswer(
  { names, step }: Played,
  reading: StreamingRead<ResolvedEvent>,
): Promise<Answer> {
  const events: unknown[] = [];
  try {
    for await (const each of reading)
      if (names.isOwn((each.link ?? each.event)!.streamId))
        events.push(names.resolved(each, step.whole));
    return { ok: { events } };
  } catch (error) {
    return events.length > 0 ? { ok: { events }, ...names.error(error) } : names.error(error);
  }
}

const readOptions = ({ step }: Played): object => ({
  direction: step.dir ?? 'forwards',
  resolveLinkTos: step.resolveLinks ?? false,
  ...(step.maxCount !== undefined && { maxCount: step.maxCount }),
});

function settingsOf<Made>(make: (changes: never) => Made, { settings = {} }: Step): Made {
  const { startFrom, ...others } = settings;
  const changes =
    startFrom === undefined ? others : { ...others, startFrom: revisionOf(startFrom) };
  return make(changes as never);
}

const groupOf = ({ names, step, stream }: Played): string =>
  stream === '$all' ? names.prefix + step.group! : step.group!;

function infoAnswer(
  { names }: Played,
  info: PersistentSubscriptionToStreamInfo | PersistentSubscriptionToAllInfo,
): Answer {
  const { eventSource, groupName, status, connections, stats, settings } = info;
  const startFrom = typeof settings.startFrom === 'object' ? '*' : settings.startFrom;
  return {
    ok: {
      stream: names.plain(eventSource),
      group: names.plain(groupName),
      status: status.split(',')[0],
      connections: connections.length,
      parked: Number(stats.parkedMessageCount),
      settings: names.plain({ ...settings, startFrom }),
    },
  };
}

const OPERATIONS = {
  append: async (played: Played) => {
    const { client, names, step, stream } = played;
    const events = step.events!.map((each) => eventOf(names, each));
    // Credentials of its own send an append through the unary call.
    const own = step.call === 'unary' && { credentials: { username: 'a', password: 'b' } };
    const options = { ...expectedOf(step), ...own };
    return written(played, stream, await client.appendToStream(stream, events, options));
  },
  readStream: (played: Played) => {
    const { client, step, stream } = played;
    const from = step.from !== undefined && { fromRevision: revisionOf(step.from) };
    return readAnswer(played, client.readStream(stream, { ...readOptions(played), ...from }));
  },
  readAll: async (played: Played) => {
    const { client, step } = played;
    const from = step.from !== undefined && { fromPosition: await positionOf(played) };
    const options = { ...readOptions(played), ...from };
    return readAnswer(played, client.readAll(options));
  },
  delete: async ({ client, step, stream }: Played) => {
    const { position } = await client.deleteStream(stream, expectedOf(step) as object);
    return { ok: { hasPosition: position !== undefined } };
  },
  tombstone: async ({ client, step, stream }: Played) => {
    const { position } = await client.tombstoneStream(stream, expectedOf(step) as object);
    return { ok: { hasPosition: position !== undefined } };
  },
  setMetadata: async (played: Played) => {
    const { client, step, stream } = played;
    const result = await client.setStreamMetadata(stream, step.metadata!, expectedOf(step));
    return written(played, `$$${stream}`, result);
  },
  getMetadata: async ({ client, names, stream }: Played) => {
    const { metadata } = await client.getStreamMetadata(stream);
    return { ok: { metadata: names.plain(metadata) ?? null } };
  },
  createGroup: async (played: Played) => {
    const { client, names, step, stream } = played;
    const group = groupOf(played);
    if (stream !== '$all') {
      const settings = settingsOf(toStream, step);
      await client.createPersistentSubscriptionToStream(stream, group, settings);
      return { ok: {} };
    }
    const from = step.from !== undefined && { startFrom: await positionOf(played) };
    const settings = { ...settingsOf(toAll, step), ...from };
    const filter = filterOf(names, step.filter);
    await client.createPersistentSubscriptionToAll(group, settings, filter);
    return { ok: {} };
  },
  updateGroup: async ({ client, step, stream }: Played) => {
    const settings = settingsOf(toStream, step);
    await client.updatePersistentSubscriptionToStream(stream, step.group!, settings);
    return { ok: {} };
  },
  deleteGroup: async (played: Played) => {
    const { client, stream } = played;
    const group = groupOf(played);
    if (stream === '$all') await client.deletePersistentSubscriptionToAll(group);
    else await client.deletePersistentSubscriptionToStream(stream, group);
    return { ok: {} };
  },
  groupInfo: async (played: Played) => {
    const { client, stream } = played;
    const group = groupOf(played);
    const info =
      stream === '$all'
        ? await client.getPersistentSubscriptionToAllInfo(group)
        : await client.getPersistentSubscriptionToStreamInfo(stream, group);
    return infoAnswer(played, info);
  },
  listGroups: async ({ client, names, step, stream }: Played) => {
    let listed: { eventSource: string; groupName: string }[];
    if (step.stream === undefined) listed = await client.listAllPersistentSubscriptions();
    else if (stream === '$all') listed = await client.listPersistentSubscriptionsToAll();
    else listed = await client.listPersistentSubscriptionsToStream(stream);
    const groups = listed
      .filter(({ eventSource, groupName }) => names.isOwn(eventSource + groupName))
      .map(({ eventSource, groupName }) => [names.plain(eventSource), names.plain(groupName)])
      .toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
    return { ok: { groups } };
  },
  replayParked: async ({ client, step, stream }: Played) => {
    await client.replayParkedMessagesToStream(stream, step.group!);
    return { ok: {} };
  },
  subscribe: (played: Played) => {
    const { client, step, stream } = played;
    const { from = 'start', resolveLinks: resolveLinkTos = false } = step;
    const options = { fromRevision: revisionOf(from), resolveLinkTos };
    return watch(played, client.subscribeToStream(stream, options));
  },
  subscribeAll: async (played: Played) => {
    const { client, names, step } = played;
    const { from = 'start', resolveLinks: resolveLinkTos = false } = step;
    const fromPosition = await positionOf({ ...played, step: { ...step, from } });
    const filter = filterOf(names, step.filter);
    const seen = { checkpoint: (): void => {} };
    if (filter) Object.assign(filter.filter, { checkpointReached: () => seen.checkpoint() });
    const subscription = client.subscribeToAll({ fromPosition, resolveLinkTos, ...filter });
    return watch(played, subscription, seen);
  },
  subscribeGroup: (played: Played) => {
    const { client, step, stream } = played;
    const group = groupOf(played);
    const options = step.bufferSize === undefined ? {} : { bufferSize: step.bufferSize };
    const subscription =
      stream === '$all'
        ? client.subscribeToPersistentSubscriptionToAll(group, options)
        : client.subscribeToPersistentSubscriptionToStream(stream, group, options);
    return watch(played, subscription);
  },
};

/** A signal that may be waited for, for so long. */
class Signal {
  private wake = (): void => {};

  give(): void {
    this.wake();
  }

  async until(isIt: () => boolean, ms: number): Promise<void> {
    const timer = new AbortController();
    const late = setTimeout(ms, undefined, { signal: timer.signal }).catch(() => {
      // It was there in time.
    });
    const there = new Promise<void>((resolve) => {
      this.wake = () => isIt() && resolve();
      this.wake();
    });
    await Promise.race([late, there]);
    timer.abort();
  }
}

type Watched = Subscription | PersistentSubscriptionToStream | PersistentSubscriptionToAll;

/** What a subscription tells, in order: first, while the steps of `do` are played, and after. */
async function watch(
  played: Played,
  watched: Watched,
  seen = { checkpoint: (): void => {} },
): Promise<Answer> {
  const { names, step } = played;
  const subscription = watched as PersistentSubscriptionToStream;
  const saw: unknown[] = [];
  const signal = new Signal();
  let [events, isOver, isStopped] = [0, false, false];
  const note = (what: unknown): void => {
    if (!isStopped) saw.push(what);
    signal.give();
  };
  const end = (what: unknown): void => {
    isOver = true;
    note(what);
  };
  seen.checkpoint = () => {
    if (step.checkpoints && saw.at(-1) !== 'checkpoint') note('checkpoint');
  };
  const replies = [step.reply ?? 'ack'].flat();
  const reply = (resolved: ResolvedEvent): void => {
    const how = replies[Math.min(events, replies.length) - 1]!;
    if (step.op !== 'subscribeGroup' || how === 'none') return;
    if (how === 'ack') void subscription.ack(resolved);
    else void subscription.nack(how as PersistentAction, 'r', resolved);
  };
  subscription
    .on('confirmation', () => note('confirmed'))
    .on('end', () => end('end'))
    .on('error', (error: Error) => end(names.error(error)))
    .on('data', (resolved: ResolvedEvent) => {
      if (isStopped || !names.isOwn((resolved.link ?? resolved.event)!.streamId)) return;
      events += 1;
      note(names.resolved(resolved));
      reply(resolved);
    });
  watched.on('caughtUp', () => note('caughtUp'));
  const settle = async ({ events: wanted = Infinity, ms }: Window = {}): Promise<void> => {
    const limitMs = ms ?? (wanted === Infinity ? SILENCE_MS : WATCH_MS);
    await signal.until(() => events >= wanted || isOver, limitMs);
    await setTimeout(GRACE_MS);
  };
  await signal.until(() => saw.length > 0, 2 * HANG_MS);
  await settle(step.first);
  if (step.do) {
    note('did');
    for (const each of step.do) await perform(played, each);
    await settle(step.then);
  }
  isStopped = true;
  // One that has ended by an error never says that it was unsubscribed, or says no to it.
  const gone = subscription
    .unsubscribe()
    .catch((error: unknown) => assert.ok(isOver, String(error)));
  if (!isOver) await gone;
  return { ok: { saw } };
}
