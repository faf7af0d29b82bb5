/**
 * Which log an event store holds. Positions mean something in one log only: in a copy of it, or in a
 * log that was restored, other events have them. So each has an id of its own, which copies leave
 * out: whoever first needs to know it makes it.
 */
import { randomUUID } from 'node:crypto';
import { NO_REVISION } from './appends.ts';
import {
  append,
  FIRST_VERSION,
  LOG_IDENTITY,
  newestEvent,
  type EventStore,
} from './event-store.ts';

/** Others may make one at the same time, and what they made is then read. */
const MAX_TRIES = 5;

type Identified = { identity: string };

/** The id of the log; undefined where nobody has asked for it yet. */
export async function knownIdentityOf(client: EventStore): Promise<string | undefined> {
  return (await newestIdentity(client))?.identity;
}

/** The id of the log, which is made where there is none. */
export async function identityOf(client: EventStore): Promise<string> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const newest = await newestIdentity(client);
    if (newest) return newest.identity;
    const made = await makeIdentity(client, NO_REVISION);
    if (made !== undefined) return made;
  }
  throw new Error('the log could be given no id');
}

/**
 * Gives the log another id: it was put back to an earlier state, and what is appended now gets
 * positions that other events have had. Whoever knows one of those shall not take it for these.
 */
export async function renewIdentity(client: EventStore): Promise<string> {
  const newest = await newestIdentity(client);
  return (
    (await makeIdentity(client, newest?.revision ?? NO_REVISION)) ?? (await identityOf(client))
  );
}

async function newestIdentity(client: EventStore) {
  const newest = await newestEvent(client, LOG_IDENTITY);
  return newest && { identity: (newest.data as Identified).identity, revision: newest.revision };
}

/** Resolves to undefined where somebody else was first. */
async function makeIdentity(client: EventStore, after: bigint): Promise<string | undefined> {
  const identity = randomUUID();
  const metadata = {
    $correlationId: identity,
    $causationId: identity,
    commandId: identity,
    actor: 'system',
    at: new Date().toISOString(),
    schemaVersion: FIRST_VERSION,
  };
  const data: Identified = { identity };
  const event = { id: identity, type: 'LogIdentified', data, metadata };
  const position = await append(client, LOG_IDENTITY, [event], after);
  return position === undefined ? undefined : identity;
}
