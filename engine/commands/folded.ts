import { evolve, type AnyDecider, type Message } from '../decider.ts';
import { NO_REVISION } from '../../platform/appends.ts';
import type { StoredEvent } from '../../platform/event-store.ts';
import { RememberedCommands } from './remembered.ts';
import type { StreamDamaged } from './stream-damaged.ts';

/** A stream as far as it was read: what it folded to, and up to which event. */
export type Folded<State> = {
  state: State;
  revision: bigint;
  position: bigint;
  commands: RememberedCommands;
  /** Of what was folded, as JSON: the state takes some four times as much in memory. */
  bytes: number;
  /** Why it could be read no further. */
  damage?: StreamDamaged;
};

/** A stream before its first event. */
export const emptyOf = <State>({ initial, snapshot }: AnyDecider<State>): Folded<State> => ({
  state: initial,
  revision: NO_REVISION,
  position: 0n,
  commands: new RememberedCommands(snapshot !== undefined),
  bytes: 0,
});

/**
 * Folds the stream's next event, in place. Throws for an event that cannot be read, and leaves
 * everything as it was.
 */
export function foldNext<State>(
  decider: AnyDecider<State>,
  folded: Folded<State>,
  event: StoredEvent,
  nowMs: number,
): void {
  const message: Message = { type: event.type, data: event.data };
  const { commandId, fingerprint, at } = metadataOf(event);
  const state = evolve(decider, folded.state, message);
  const { length } = JSON.stringify(message.data);
  const atMs = Date.parse(at);
  folded.commands.add(commandId, fingerprint, Number.isNaN(atMs) ? nowMs : atMs, nowMs);
  folded.state = state;
  folded.bytes += length;
  passOver(folded, event);
}

/** Goes on behind an event as if it were not there. */
export function passOver<State>(folded: Folded<State>, event: StoredEvent): void {
  folded.revision = event.revision;
  folded.position = event.position;
}

/** Comes out of the log, where it may be anything. */
function metadataOf({ metadata }: StoredEvent): StoredEvent['metadata'] {
  const { commandId, fingerprint } = (metadata ?? {}) as Partial<StoredEvent['metadata']>;
  const isText = typeof commandId === 'string';
  if (isText && (fingerprint === undefined || typeof fingerprint === 'string')) return metadata;
  throw new Error('its metadata does not say of which command it is');
}
