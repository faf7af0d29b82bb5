import { createHash, randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { POSITION_HEADER, Problem } from '../../platform/http.ts';
import { idFrom } from '../../platform/ids.ts';
import type { CommandContext, Handler } from './handle.ts';
import { KEY_LIFETIME_MS, MAX_KEY_AHEAD_MS, timeOfKey } from './remembered.ts';

/**
 * 8 characters or more, so that two clients do not choose the same key by chance. None holds a space,
 * as the ids of what the system does by itself do (`processes/cause.ts`).
 */
const KEY = /^[\x21-\x7e]{8,128}$/;
/** Who can make a cart or a shop under a key can make the same id again: such keys are longer. */
const CREATING_KEY_LENGTH = 16;

/** JSON schema of what identifies a command, for the OpenAPI documents. */
export const commandHeaders = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      description:
        'The same for every repeat of one command; a UUID is right (8–128 characters). It takes effect ' +
        'once; with another request it is refused (422). A refused command leaves its key free. It ' +
        'is known for 24 hours, and for ever where what it is about comes to an end. A UUID of ' +
        'version 7 says itself how old it is: older than that, or more than five minutes ahead, it ' +
        'is refused (409 KEY_TOO_OLD). Any other key is a new one after 24 hours.',
    },
  },
} as const;

function idempotencyKey(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new Problem(
      400,
      'INVALID_IDEMPOTENCY_KEY',
      'Idempotency-Key takes 8 to 128 visible ASCII characters: use a UUID.',
    );
  }
  return key;
}

/** Of whom nobody knows who they are. */
export const ANONYMOUS = 'anonymous';

/** Digest of what a request asks for, and in whose name: nobody repeats what another began. */
const fingerprintOf = ({ method, url, body }: FastifyRequest, actor: string): string =>
  createHash('sha256')
    .update(`${namespaceOf(actor)}${method} ${url} ${JSON.stringify(body ?? null)}`)
    .digest('base64url')
    .slice(0, 22);

/**
 * Refuses a key that tells its own time where its command may be forgotten, or be so before it is
 * repeated: nobody would know whether it took effect.
 */
function assertInTime(key: string, now: Date): void {
  const madeMs = timeOfKey(key);
  if (madeMs === undefined) return;
  const ageMs = now.getTime() - madeMs;
  if (ageMs <= KEY_LIFETIME_MS && ageMs >= -MAX_KEY_AHEAD_MS) return;
  const what =
    ageMs > 0
      ? 'This Idempotency-Key is older than 24 hours'
      : 'This Idempotency-Key was made more than 5 minutes from now: set the clock';
  throw new Problem(
    409,
    'KEY_TOO_OLD',
    `${what}. Nothing was done: look whether it was done before, and if not, send it with a new key.`,
  );
}

/** Keys are apart by who sends them, as far as that is known. */
const namespaceOf = (actor: string): string => (actor === ANONYMOUS ? '' : `${actor} `);

/** The id of what a command makes: from its key, so that a repeat makes the same one. */
export const idOfCreation = (
  creates: string,
  { actor, commandId }: Pick<CommandContext, 'actor' | 'commandId'>,
): string => idFrom(creates, `${namespaceOf(actor)}${commandId}`);

/** The context of a command that comes by HTTP at this time. */
export function contextOf(request: FastifyRequest, actor: string, now: Date): CommandContext {
  const key = idempotencyKey(request);
  if (key !== undefined) assertInTime(key, now);
  const commandId = key ?? randomUUID();
  return {
    commandId,
    ...(key && { fingerprint: fingerprintOf(request, actor) }),
    correlationId: request.id,
    causationId: commandId,
    actor,
  };
}

/** Refuses a key from which somebody else could guess the id that it makes. */
export function contextOfCreation(
  request: FastifyRequest,
  actor: string,
  now: Date,
): CommandContext {
  const context = contextOf(request, actor, now);
  if (context.commandId.length < CREATING_KEY_LENGTH) {
    throw new Problem(
      400,
      'INVALID_IDEMPOTENCY_KEY',
      `Here an Idempotency-Key takes ${CREATING_KEY_LENGTH} or more characters: use a UUID.`,
    );
  }
  return context;
}

/** Says in the answer which log position a read has to have seen to show what was done. */
export async function atPosition(
  { tokenOf }: Handler,
  reply: FastifyReply,
  position: bigint,
): Promise<void> {
  reply.header(POSITION_HEADER, await tokenOf(position));
}
