import { createHash } from 'node:crypto';

/** Namespace of all ids that are made from names here; a random UUID, never to change. */
const NAMESPACE = Buffer.from('5b0f2c3e7a5d4f0e9c1b8a6d4e2f1c37', 'hex');

/**
 * The UUID that a name always has (RFC 9562, version 5): repeating a step makes the same id again,
 * which is how a repeat is recognised.
 */
export function idFrom(...name: (string | number)[]): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name.join('/')).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}
