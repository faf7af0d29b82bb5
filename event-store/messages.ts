/** What the log and its two workers, the appender and the reader, say to each other. */
import type { NotFound } from './database.ts';
import type { EventRow } from './integrity.ts';
import type { Outcome } from './wire.ts';

/** What the workers are given. Without sync a commit is answered before the disk has it. */
export type LogFolder = { dir: string; noSync: boolean };

/** In `bytes` an event's 16 bytes of id end where its body begins. */
export type Group = {
  writes: {
    kind: 'append' | 'delete' | 'tombstone';
    stream: string;
    expected: number;
    events: { type: string; body: number; end: number }[];
  }[];
  bytes: Uint8Array;
};
/** `head` is the last position on disk. A group with an `error` changed nothing. */
export type GroupResult = { outcomes: Outcome[]; head: number } | { error: string };

/**
 * Matches if the name of the stream (or the type of the event) fits the expression, which is one of
 * .NET, or begins with one of the prefixes.
 */
export type Filter =
  { on: 'stream' | 'type'; regex: string } | { on: 'stream' | 'type'; prefixes: string[] };

/**
 * What to read: of one stream by revision, or of $all by position. `from` is the first that may be
 * sent, in the direction of reading; `limit` is how many events may be. A checkpoint is sent
 * whenever `every` events were considered since the last one. Of a stream that has no more than
 * `live` events to send, all of them are: as in EventStoreDB, what metadata or a deletion hides is
 * hidden from those who come later, not from those who wait for it.
 */
export type Query = {
  stream: string | undefined;
  from: number;
  forwards: boolean;
  limit: number;
  live?: number;
  resolveLinks?: boolean;
  filter?: Filter | undefined;
  checkpoints?: { every: number; considered: number };
};

/**
 * `frames` hold `events` events, and checkpoints, as ReadResp messages. `next` is where to read on,
 * at the `end` when there is more; `considered` counts the events since the last checkpoint.
 * `newest` is the greatest position of what was looked at: it may not be on disk yet. `head` is the
 * place of the last event, whether or not it may be seen, and -1 where there is none.
 */
export type Page =
  | {
      found: true;
      frames: Uint8Array<ArrayBuffer>;
      events: number;
      next: number;
      end: boolean;
      considered: number;
      newest: number;
      head: number;
    }
  | { found: false; reason: NotFound; next: number; head: number };

/** `head` is a position that is on disk: the log reaches at least that far. */
export type ReadRequest = { id: number; query: Query; head: number };
export type ReadReply =
  { id: number; page: Page } | { id: number; error: string; isDamage: boolean };

/** What is sent of one. */
export type Sent = Pick<EventRow, 'position' | 'type' | 'record'>;
/**
 * Rows with the bounds of what is there: every place from `lowest` to `highest` has one, and a
 * newer commit may have added more behind.
 */
export type Rows = {
  rows: Iterable<EventRow>;
  placeOf: (row: EventRow) => number;
  /** Where what is sent is not the stored event: a computed link to it. */
  sentAs?: (row: EventRow) => Sent;
  lowest: number;
  highest: number;
  /** The `highest` is a tombstone. */
  isClosed?: boolean;
  /** Events that were created before are not shown. */
  oldestMs: number;
};

/** There is nothing to read of a stream, whose last event is or was the `highest`th. */
export type Missing = { missing: NotFound; highest: number };
