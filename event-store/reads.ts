/**
 * The service Read: reads, and subscriptions. Both send pages from disk, and a live subscription is
 * one that came to the end and waits for news of a commit. There is no second way for live events,
 * so there is nothing to hand over between the two, no gap and no duplicate; and a slow subscriber
 * holds one page of memory, however far behind it is. All that metadata hides stays on disk, so one
 * that is live can be sent it.
 */
import { randomUUID } from 'node:crypto';
import { status as code, type ServerWritableStream } from '@grpc/grpc-js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { filterExpression } from './filter-expression.ts';
import type { Log } from './log.ts';
import { frame, Frames } from './protobuf.ts';
import type { Filter, Page, Query } from './messages.ts';
import { asRefusal, refusal, streamDeleted } from './refusals.ts';
import {
  caughtUpAnswer,
  checkpointAnswer,
  confirmationAnswer,
  fellBehindAnswer,
  notFoundAnswer,
} from './wire.ts';

export type ReadCall = ServerWritableStream<streamsPb.ReadReq, Frames>;
type Options = streamsPb.ReadReq.Options;

const { ReadReq } = streamsPb;

/**
 * EventStoreDB's default for how many events a filtered read considers before it may say how far it
 * is.
 */
const SEARCH_WINDOW = 32;
/** A subscriber is live until it is further behind: as many events as two commits may bring. */
const LIVE_EVENTS = 4_096;
/** Before and behind every position and revision. */
const START = 0;
const END = Number.MAX_SAFE_INTEGER;

export async function serveRead(call: ReadCall, log: Log): Promise<void> {
  try {
    const options = call.request.getOptions();
    if (!options) throw refusal(code.INVALID_ARGUMENT, 'A read has options.');
    if (options.hasSubscription())
      await subscribe(call, log, await subscriptionQuery(options, log));
    else await read(call, log, readQuery(options, log.head));
  } catch (error) {
    call.emit('error', asRefusal(error));
  }
}

/**
 * The client of a call, for a loop that waits for one thing at a time. Every wait also ends when
 * the client goes away.
 */
class Client {
  gone = false;
  private readonly call: ReadCall;
  private proceed = (): void => {};

  constructor(call: ReadCall) {
    this.call = call;
    call.on('cancelled', () => {
      this.gone = true;
      this.proceed();
    });
  }

  wait(begin: (proceed: () => void) => void): Promise<void> {
    if (this.gone) return Promise.resolve();
    return new Promise((resolve) => {
      this.proceed = resolve;
      begin(resolve);
    });
  }

  /**
   * Resolves when the connection has taken the frames, which it does as fast as the client reads.
   */
  async send(frames: Uint8Array<ArrayBuffer>): Promise<void> {
    if (frames.length === 0) return;
    const message = new Frames(frames);
    await this.wait((proceed) =>
      this.call.write(message, () => {
        message.release();
        proceed();
      }),
    );
  }
}

async function read(call: ReadCall, log: Log, query: Query): Promise<void> {
  const client = new Client(call);
  let left = query.limit;
  let page = await log.read(query);
  while (page.found && !client.gone) {
    const sent = client.send(page.frames);
    left -= page.events;
    const isLast = page.end || left <= 0;
    // The next page is read while this one is sent.
    const next = isLast ? page : await log.read({ ...query, from: page.next, limit: left });
    await sent;
    if (isLast) break;
    page = next;
  }
  if (!page.found) await client.send(frame([notFound(query, page)]));
  call.end();
}

/** What is told of a stream that there is not. Throws where it has a tombstone. */
function notFound(query: Query, page: Extract<Page, { found: false }>): Buffer {
  const stream = query.stream!;
  if (page.reason === 'stream-deleted') throw streamDeleted(stream);
  return notFoundAnswer(stream);
}

/**
 * Sends what there is, then what comes, until the client goes away or the stream gets a tombstone,
 * which is sent as its last event. Of a stream that has one already nothing is confirmed.
 */
async function subscribe(call: ReadCall, log: Log, query: Query): Promise<void> {
  const client = new Client(call);
  let isNews = false;
  let wake = (): void => {};
  const unwatch = log.watch(query.stream, () => {
    isNews = true;
    wake();
  });
  try {
    // Whatever is committed after this is news: a page may or may not hold it.
    const readNext = (): Promise<Page> => {
      isNews = false;
      return log.read(query);
    };
    let isLive: boolean | undefined;
    let ahead: Page | undefined = await readNext();
    if (!ahead.found) notFound(query, ahead);
    await client.send(frame([confirmationAnswer(randomUUID())]));
    while (!client.gone) {
      if (!ahead && !isNews) await client.wait((proceed) => (wake = proceed));
      const page: Page = ahead ?? (await readNext());
      ahead = undefined;
      const isEnd: boolean = !page.found || page.end;
      // A subscription to a stream that does not exist yet waits for it.
      query.from = page.next;
      if (!page.found) notFound(query, page);
      else {
        if (query.checkpoints) query.checkpoints.considered = page.considered;
        // The next page is read while this one is sent.
        [ahead] = await Promise.all([isEnd ? undefined : readNext(), client.send(page.frames)]);
      }
      if (isEnd) query.live = LIVE_EVENTS;
      if (isEnd && !isLive) await client.send(frame(caughtUp(query)));
      if (!isEnd && isLive) await client.send(frame([fellBehindAnswer()]));
      isLive = isEnd;
    }
  } finally {
    unwatch();
  }
}

/**
 * A filtered subscription is told where it is, so that it need not search the same events when it
 * comes again.
 */
function caughtUp({ checkpoints, from }: Query): Buffer[] {
  if (!checkpoints?.considered) return [caughtUpAnswer()];
  return [checkpointAnswer(from - 1), caughtUpAnswer()];
}

/**
 * A read includes the place that it begins with, except backwards from a position: EventStoreDB
 * counts those behind the event then.
 */
function readQuery(options: Options, head: number): Query {
  const [stream, place] = [streamOf(options), startOf(options)];
  const forwards = options.getReadDirection() === ReadReq.Options.ReadDirection.FORWARDS;
  const isBehind = stream === undefined && !forwards;
  const limit = Math.min(Number(options.getCount()), END);
  if (stream !== undefined && (limit === 0 || (forwards && place === 'end')))
    throw refusal(code.UNKNOWN, 'A stream is not read forwards from its end, nor for no events.');
  if (isBehind && typeof place === 'number' && place > head)
    throw refusal(code.UNKNOWN, `${place} is no position of this log.`);
  return {
    stream,
    from: place === 'start' ? START : place === 'end' ? END : place - Number(isBehind),
    forwards,
    limit,
    resolveLinks: options.getResolveLinks(),
    filter: filterOf(options.getFilter()),
  };
}

/** A subscription begins behind the place that it names. */
async function subscriptionQuery(options: Options, log: Log): Promise<Query> {
  const [stream, place, filter] = [streamOf(options), startOf(options), options.getFilter()];
  const query: Query = {
    stream,
    from: START,
    forwards: true,
    limit: END,
    resolveLinks: options.getResolveLinks(),
    filter: filterOf(options.getFilter()),
  };
  if (typeof place === 'number') query.from = place + 1;
  else if (place === 'end') {
    const last = stream === undefined ? undefined : await readLast(log, stream);
    if (last && !last.found) notFound(query, last);
    query.from = (last?.head ?? log.head) + 1;
    query.live = LIVE_EVENTS;
  }
  if (filter) {
    const every = (filter.getMax() || SEARCH_WINDOW) * filter.getCheckpointintervalmultiplier();
    query.checkpoints = { every: Math.max(every, 1), considered: 0 };
  }
  return query;
}

/** The revision of a stream's last event, whether or not it may be seen; -1 where there is none. */
export async function lastRevision(log: Log, stream: string): Promise<number> {
  return (await readLast(log, stream)).head;
}

const readLast = (log: Log, stream: string): Promise<Page> =>
  log.read({ stream, from: END, forwards: false, limit: 0 });

function streamOf(options: Options): string | undefined {
  const identifier = options.getStream()?.getStreamIdentifier();
  const stream = identifier && Buffer.from(identifier.getStreamName_asU8()).toString();
  if (stream === '') throw refusal(code.UNKNOWN, 'A stream has a name.');
  return stream;
}

function startOf(options: Options): 'start' | 'end' | number {
  const [stream, all] = [options.getStream(), options.getAll()];
  if (stream?.hasEnd() || all?.hasEnd()) return 'end';
  const place = stream?.hasRevision()
    ? stream.getRevision()
    : all?.getPosition()?.getCommitPosition();
  return place === undefined ? 'start' : Math.min(Number(place), END - 1);
}

type Expression = { getRegex: () => string; getPrefixList: () => string[] };
/** As a read and a persistent subscription have them. */
type FilterOptions = {
  getStreamIdentifier: () => Expression | undefined;
  getEventType: () => Expression | undefined;
};

export function filterOf(filter: FilterOptions | undefined): Filter | undefined {
  const expression = filter?.getStreamIdentifier() ?? filter?.getEventType();
  if (!filter || !expression) return undefined;
  const on = filter.getStreamIdentifier() ? 'stream' : 'type';
  const regex = expression.getRegex();
  // As in EventStoreDB: an expression counts before prefixes, and no prefixes let nothing through.
  if (regex === '') return { on, prefixes: expression.getPrefixList() };
  try {
    filterExpression(regex);
  } catch (error) {
    throw refusal(code.UNKNOWN, (error as Error).message);
  }
  return { on, regex };
}
