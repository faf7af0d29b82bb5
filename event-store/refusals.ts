/**
 * How a call says no: a gRPC status with the trailers from which the client makes its own error
 * classes.
 */
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { DamagedLog } from './integrity.ts';
import { MalformedMessage } from '../platform/protobuf.ts';
import type { Refused, WriteOptions } from './wire.ts';

/**
 * An error that grpc-js sends as this status. Trailers hold printable ASCII: of a stream whose name
 * is in another script EventStoreDB can send none, and the client learns no more than UNKNOWN.
 */
export function refusal(
  code: status,
  details: string,
  trailers: Record<string, string> = {},
): ServiceError {
  const metadata = new Metadata();
  const isAscii = Object.values(trailers).every((value) => /^[ -~]*$/.test(value));
  if (!isAscii)
    return Object.assign(new Error(details), { code: status.UNKNOWN, details, metadata });
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return Object.assign(new Error(details), { code, details, metadata });
}

export const streamDeleted = (stream: string): ServiceError =>
  refusal(status.FAILED_PRECONDITION, `Stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });

export const closing = (): ServiceError =>
  refusal(status.UNAVAILABLE, 'The event store is closing.');

/** The refusal of an Append, a Delete or a Tombstone. */
export function writeRefusal({ stream, expected }: WriteOptions, refused: Refused): ServiceError {
  switch (refused.reason) {
    case 'wrong-expected-version': {
      const actual = String(refused.current);
      const details = `Stream '${stream}' is at '${actual}' and was expected at ${expected}.`;
      return refusal(status.FAILED_PRECONDITION, details, {
        exception: refused.reason,
        'stream-name': stream,
        'expected-version': String(expected),
        'actual-version': actual,
      });
    }
    case 'maximum-append-size-exceeded':
      return refusal(status.INVALID_ARGUMENT, `An append may hold ${refused.limitBytes} bytes.`, {
        exception: refused.reason,
        'maximum-append-size': String(refused.limitBytes),
      });
    case 'stream-deleted':
      return streamDeleted(stream);
    case 'timeout':
      return refusal(status.DEADLINE_EXCEEDED, 'The deadline passed before the write began.');
    // EventStoreDB's handler throws there, and says no more than that.
    case 'bad-request':
      return refusal(status.UNKNOWN, refused.message);
    case 'missing-type':
      return refusal(status.INVALID_ARGUMENT, refused.message, {
        exception: 'missing-required-metadata-property',
        'required-metadata-properties': 'type,content-type',
      });
    case 'access-denied':
      return refusal(status.PERMISSION_DENIED, refused.message, { exception: refused.reason });
    case 'overloaded':
      return refusal(status.RESOURCE_EXHAUSTED, refused.message);
    case 'failed':
      return refusal(status.INTERNAL, refused.message);
    case 'damaged':
      return refusal(status.DATA_LOSS, refused.message);
    case 'closing':
      return closing();
  }
}

/** Any error as the status that ends a call. */
export function asRefusal(error: unknown): ServiceError {
  if (error instanceof MalformedMessage) return refusal(status.INVALID_ARGUMENT, error.message);
  if (error instanceof Error && 'metadata' in error) return error as ServiceError;
  if (error instanceof DamagedLog) return refusal(status.DATA_LOSS, error.message);
  return refusal(status.INTERNAL, error instanceof Error ? error.message : String(error));
}
