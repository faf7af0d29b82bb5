import { Problem } from '../../platform/http.ts';
import type { EventRef } from '../parking.ts';

/** A person has to look first: there is no use in asking each second. */
const RETRY_AFTER_S = 60;

/**
 * A stream has an event that its rules cannot read, so that nobody knows what it folds to: no
 * command can be decided there until the event is mended or dropped. All other streams go on.
 */
export class StreamDamaged extends Problem {
  readonly event: EventRef;

  constructor(event: EventRef, cause: unknown) {
    const { type, stream, revision } = event;
    super(
      503,
      'STREAM_DAMAGED',
      `Event ${revision} of ${stream} (${type}) cannot be read, and whatever needs that stream ` +
        'waits for it; all others go on. Whoever runs this system finds it with ' +
        '"npm run ops -- parked", which also says how to retry or to drop it. Repeat the request ' +
        'with the same Idempotency-Key then.',
      { headers: { 'retry-after': String(RETRY_AFTER_S) }, facts: { stream, revision } },
    );
    this.name = 'StreamDamaged';
    this.event = event;
    this.cause = cause;
  }
}
