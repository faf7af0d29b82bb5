import { randomUUID } from 'node:crypto';
import { jsonEvent } from '@eventstore/db-client';
import type { DroppedEvent } from '../engine/parking.ts';
import type { EventStore } from '../platform/event-store.ts';

/**
 * Puts an event of a type that says something into a stream, with data that say nothing: nobody can
 * read it. Resolves to what drops it again.
 */
export async function damage(
  client: EventStore,
  stream: string,
  type: string,
): Promise<DroppedEvent> {
  const eventId = randomUUID();
  const about = { commandId: eventId, $correlationId: eventId, $causationId: eventId };
  const at = new Date().toISOString();
  const metadata = { ...about, actor: 'test', at, schemaVersion: 1 };
  const event = jsonEvent({ id: eventId, type, data: { says: 'nothing' }, metadata });
  const { nextExpectedRevision } = await client.appendToStream(stream, event);
  const revision = String(nextExpectedRevision);
  return { eventId, stream, revision, type, reason: 'put there by hand', isFolded: false };
}
