/**
 * What a stream's metadata says about the stream. The rules are EventStoreDB's (StreamMetadata): of
 * the fields that it knows, one that is not as it has to be makes all of it void.
 */
import { TOMBSTONE_REVISION, LARGEST_INT64 } from './wire.ts';

/** The stream is deleted where `truncateBefore` is TOMBSTONE_REVISION. */
export type Limits = { truncateBefore?: number; maxCount?: number; maxAgeS?: number };

/** What .NET's TimeSpan holds of seconds. */
const MOST_SECONDS = 922_337_203_685n;
const ROLES = ['$r', '$w', '$d', '$mr', '$mw'];

/** What `json` says. Numbers are told by their text, which tells 1 from 1.0, and large ones apart. */
export function limitsOf(json: string | undefined): Limits {
  const metadata = objectOf(json, reviveIntegers);
  if (!metadata || !Object.entries(metadata).every(([key, value]) => isSound(key, value)))
    return {};
  const limits: Limits = {};
  const { $tb, $maxCount, $maxAge } = metadata as Record<string, bigint | undefined>;
  if ($tb !== undefined && $tb >= 0n) limits.truncateBefore = revisionOf($tb);
  if ($maxCount !== undefined && $maxCount > 0n) limits.maxCount = revisionOf($maxCount);
  if ($maxAge !== undefined && $maxAge > 0n) limits.maxAgeS = Number($maxAge);
  return limits;
}

/** The object that `json` is; undefined for what is none. */
export function objectOf(
  json: string | undefined,
  revive?: (key: string, value: unknown) => unknown,
): Record<string, unknown> | undefined {
  if (json === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(json, revive);
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    // Anybody may append anything to a metadata stream.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Integers as BigInts. */
const reviveIntegers = (
  _: string,
  value: unknown,
  { source }: { source?: string } = {},
): unknown => (typeof value === 'number' && /^-?\d+$/.test(source ?? '') ? BigInt(source!) : value);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isInteger = (value: unknown): value is bigint =>
  typeof value === 'bigint' && BigInt.asIntN(64, value) === value;

const isTime = (value: unknown): boolean =>
  isInteger(value) && value <= MOST_SECONDS && value >= -MOST_SECONDS;

function isSound(key: string, value: unknown): boolean {
  switch (key) {
    case '$maxCount':
    case '$tb':
      return isInteger(value);
    case '$maxAge':
    case '$cacheControl':
      return isTime(value);
    case '$tmp':
      return typeof value === 'boolean';
    case '$acl':
      return (
        isObject(value) &&
        Object.entries(value).every(([role, names]) => ROLES.includes(role) && isRoles(names))
      );
    default:
      return true;
  }
}

const isRoles = (value: unknown): boolean =>
  typeof value === 'string' ||
  (Array.isArray(value) && value.every((name) => typeof name === 'string'));

/** The largest int64 is the revision of a tombstone; what is below it is none. */
const revisionOf = (value: bigint): number =>
  value === LARGEST_INT64 ? TOMBSTONE_REVISION : Math.min(Number(value), TOMBSTONE_REVISION - 1);
