/**
 * The one way in which events are appended: the protocol's BatchAppend, over the client's connection.
 * The client's own throws outside of every promise when an answer comes that nobody waits for, and
 * answers for other clients of the process when one of them loses its server.
 */
import { randomUUID } from 'node:crypto';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { unpackToCommandError } from '@eventstore/db-client/dist/streams/appendToStream/unpackError.js';
import { parseUUID } from '@eventstore/db-client/dist/utils/grpcUUID.js';
import codePb from '@eventstore/db-client/generated/code_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { discoverAnew, isEventStoreUnavailable, lost, openCall, Silence } from './connection.ts';

/** An event as it is appended, byte for byte. */
export type ProposedEvent = {
  id: string;
  type: string;
  /** Of the two content types that there are, application/json and application/octet-stream. */
  isJson: boolean;
  data: Uint8Array;
  metadata: Uint8Array;
};

/** The revision of a stream's last event, `NO_REVISION` of one that has none, or whichever. */
export type Expected = bigint | 'any';

/** The revision of a stream that has no event. */
export const NO_REVISION = -1n;

/** Where the last event is: its position is an older one, or 0, if all were there already. */
export type Appended = { position: bigint; revision: bigint };

/** Nobody knows whether the events were appended: the caller repeats with the same event ids. */
export class AppendOutcomeUnknown extends Error {
  constructor(cause: unknown) {
    super('the event store did not answer', { cause });
    this.name = 'AppendOutcomeUnknown';
  }
}

type Waiting = { resolve: (appended: Appended) => void; reject: (error: unknown) => void };

/**
 * One BatchAppend call: appends happen in the order in which they are asked for, any number of
 * them unanswered. After an error nothing is known of those, and another call has to be opened.
 */
export class AppendCall {
  readonly #client: EventStoreDBClient;
  readonly #call: Awaited<ReturnType<typeof openBatchAppend>>;
  readonly #waiting = new Map<string, Waiting>();
  #silence: Silence | undefined;
  #failed: { error: unknown } | undefined;

  static async open(client: EventStoreDBClient): Promise<AppendCall> {
    return new AppendCall(client, await openBatchAppend(client));
  }

  private constructor(
    client: EventStoreDBClient,
    call: Awaited<ReturnType<typeof openBatchAppend>>,
  ) {
    this.#client = client;
    this.#call = call;
    call.on('data', (answer: streamsPb.BatchAppendResp) => this.#answered(answer));
    call.on('error', (error: unknown) => this.#fail(error));
    call.on('end', () => this.#fail(lost('The event store ended the call.')));
  }

  get isOver(): boolean {
    return this.#failed !== undefined;
  }

  /**
   * Appends at exactly `expected`. Resolves when the events are on disk. Rejects with the client's
   * error classes.
   */
  append(stream: string, expected: Expected, events: ProposedEvent[]): Promise<Appended> {
    if (this.#failed) return Promise.reject(this.#failed.error);
    const correlation = randomUUID();
    const answered = new Promise<Appended>((resolve, reject) => {
      this.#waiting.set(correlation, { resolve, reject });
    });
    this.#call.write(appendRequest(correlation, stream, expected, events));
    this.#silence ??= new Silence(() => this.#giveUp(lost('The event store does not answer.')));
    return answered;
  }

  close(): void {
    this.#fail(lost('The call was closed.'));
  }

  #answered(answer: streamsPb.BatchAppendResp): void {
    const correlation = parseUUID(answer.getCorrelationId()!);
    const waiting = this.#waiting.get(correlation);
    this.#waiting.delete(correlation);
    this.#silence?.heard();
    if (this.#waiting.size === 0) this.#endSilence();
    const error = answer.getError();
    const stream = Buffer.from(answer.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
    const success = answer.getSuccess();
    const appended = {
      position: BigInt(success?.getPosition()?.getCommitPosition() ?? 0),
      revision: success?.hasNoStream()
        ? NO_REVISION
        : BigInt(success?.getCurrentRevision() ?? NO_REVISION),
    };
    if (!error) return waiting?.resolve(appended);
    const refusal = error.getDetails()
      ? unpackToCommandError(error, stream)
      : lost(error.getMessage());
    waiting?.reject(refusal);
    // One that is not ready, or leads no more, says so append by append, and keeps the call open. One
    // that has too much to do is still the right one.
    const isBusy = error.getCode() === codePb.Code.RESOURCE_EXHAUSTED;
    if (isEventStoreUnavailable(refusal) && !isBusy) this.#giveUp(refusal);
    return undefined;
  }

  #giveUp(error: unknown): void {
    this.#fail(error);
    // Whoever asks next hears of it, if no other server can be found.
    discoverAnew(this.#client, this.#call).catch(() => {});
  }

  #endSilence(): void {
    this.#silence?.end();
    this.#silence = undefined;
  }

  #fail(error: unknown): void {
    this.#failed ??= { error };
    this.#endSilence();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#call.cancel();
  }
}

/** Appends over one call after the other: a new one is opened where the last was lost. */
export class Appender {
  readonly #client: EventStoreDBClient;
  #call: Promise<AppendCall> | undefined;

  constructor(client: EventStoreDBClient) {
    this.#client = client;
  }

  /**
   * Resolves when the events are on disk. Throws the client's error of a refusal that a repeat would
   * meet again, such as `WrongExpectedVersionError`; for everything else `AppendOutcomeUnknown`.
   */
  async append(stream: string, expected: Expected, events: ProposedEvent[]): Promise<Appended> {
    try {
      const call = await this.#open();
      return await call.append(stream, expected, events);
    } catch (error) {
      if (isEventStoreUnavailable(error)) throw new AppendOutcomeUnknown(error);
      throw error;
    }
  }

  /**
   * To open one may take long where no server is found: that is silence as well, but whoever comes
   * next waits for the same one.
   */
  async #open(): Promise<AppendCall> {
    const opening = (this.#call ??= this.#begin());
    const silence = new Silence(() => {});
    try {
      const call = await silence.orElse(opening);
      if (!call.isOver) return call;
    } finally {
      silence.end();
    }
    if (this.#call === opening) this.#call = undefined;
    return this.#open();
  }

  #begin(): Promise<AppendCall> {
    const opening = AppendCall.open(this.#client);
    opening.catch(() => {
      if (this.#call === opening) this.#call = undefined;
    });
    return opening;
  }
}

const openBatchAppend = (client: EventStoreDBClient) =>
  openCall(client, 'append', (streams, ...rest) => streams.batchAppend(...rest));

function appendRequest(
  correlation: string,
  stream: string,
  expected: Expected,
  events: ProposedEvent[],
): streamsPb.BatchAppendReq {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  const options = new streamsPb.BatchAppendReq.Options();
  options.setStreamIdentifier(identifier);
  if (expected === 'any') options.setAny(new sharedPb.Empty());
  else if (expected === NO_REVISION) options.setNoStream(new sharedPb.Empty());
  else options.setStreamPosition(String(expected));
  const request = new streamsPb.BatchAppendReq();
  request.setCorrelationId(uuid(correlation));
  request.setOptions(options);
  request.setProposedMessagesList(events.map(proposal));
  request.setIsFinal(true);
  return request;
}

function proposal(event: ProposedEvent): streamsPb.BatchAppendReq.ProposedMessage {
  const message = new streamsPb.BatchAppendReq.ProposedMessage();
  message.setId(uuid(event.id));
  message
    .getMetadataMap()
    .set('type', event.type)
    .set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
  message.setData(event.data);
  message.setCustomMetadata(event.metadata);
  return message;
}

function uuid(text: string): sharedPb.UUID {
  const id = new sharedPb.UUID();
  id.setString(text);
  return id;
}
