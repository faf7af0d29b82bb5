/**
 * Links: events of type `$>` whose data names another event as `{revision}@{stream}`. Anybody may
 * append one. The streams `$ce-{category}` and `$et-{type}` hold a link to each event of a category
 * or a type. They are not written but computed when they are read, from indexes.
 */
import { hash } from 'node:crypto';
import {
  dataOfRecord,
  LARGEST_INT64,
  LINK_TYPE,
  linkBody,
  recordedEvent,
  TOMBSTONE_REVISION,
} from './wire.ts';

/** Which events a computed stream links to: those whose `column` is `value`. */
export type Links = { column: 'category' | 'type'; value: string };

const PREFIXES = { '$ce-': 'category', '$et-': 'type' } as const;

/** What a stream of this name is computed from; undefined for a stream that is written. */
export function linksOf(stream: string): Links | undefined {
  const column = PREFIXES[stream.slice(0, 4) as keyof typeof PREFIXES];
  return column && { column, value: stream.slice(4) };
}

/** Why nothing may be written to a stream; undefined where it may. */
export function whyReadOnly(stream: string): string | undefined {
  if (!stream.startsWith('$') || !linksOf(stream.replace(/^\$\$(?=\$)/, ''))) return undefined;
  return `${stream} is computed from other streams and cannot be written to.`;
}

/** A stream's name up to its first hyphen, as in EventStoreDB. A system stream has no category. */
export function categoryOf(stream: string): string | null {
  const hyphen = stream.indexOf('-');
  return hyphen > 0 && !stream.startsWith('$') ? stream.slice(0, hyphen) : null;
}

/** An event that is linked to, as the `at`th of its category or type. */
export type Linked = {
  at: number;
  stream: string;
  revision: number;
  position: number;
  type: string;
  createdMs: number;
  record: Uint8Array;
};

/** The link as a RecordedEvent. It takes its time and its position from the event. */
export function linkRecord(stream: string, linked: Linked): Buffer {
  const { at: revision, position, createdMs } = linked;
  const body = linkBody(linkId(stream, revision), stream, targetOf(linked));
  return recordedEvent(body, { revision, position, createdMs });
}

/** A link is not linked to: its data tells what it links to. */
function targetOf({ stream, revision, type, record }: Linked): string {
  if (type === LINK_TYPE) return dataOfRecord(Buffer.from(record)).toString();
  return `${revision === TOMBSTONE_REVISION ? LARGEST_INT64 : revision}@${stream}`;
}

/** The same for each read: a UUID of version 5, as of a name (RFC 9562). */
function linkId(stream: string, revision: number): Buffer {
  const id = hash('sha1', `${revision}@${stream}`, 'buffer').subarray(0, 16);
  id[6] = (id[6]! & 0x0f) | 0x50;
  id[8] = (id[8]! & 0x3f) | 0x80;
  return id;
}

/** A revision as .NET reads a number: with a sign, zeros and spaces around it. */
const LINKED_REVISION = /^[\t-\r ]*([+-]?\d+)[\t-\r ]*$/;

/**
 * What a link names: the last event of a stream where the revision is -1, and no stream where there
 * is no `@`. Undefined where its data is no link but an event like any other.
 */
export function parseLink(data: Buffer): { revision: bigint; stream: string } | undefined {
  const text = data.toString();
  const at = text.includes('@') ? text.indexOf('@') : text.length;
  const [, digits] = LINKED_REVISION.exec(text.slice(0, at)) ?? [];
  if (digits === undefined) return undefined;
  const revision = BigInt(digits.replace('+', ''));
  if (BigInt.asIntN(64, revision) !== revision) return undefined;
  return { revision, stream: text.slice(at + 1) };
}
