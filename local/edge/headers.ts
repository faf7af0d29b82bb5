import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Behaviour, PolicyHeader } from './distribution.ts';

/** They concern one connection, not the message (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  // Node has answered it already.
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const NONE: ReadonlySet<string> = new Set();

/** A flat list of names and values without those that must not be passed on. */
export function withoutHopByHop(flat: string[], others: ReadonlySet<string> = NONE): string[] {
  const kept: string[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!.toLowerCase();
    if (!HOP_BY_HOP.has(name) && !others.has(name)) kept.push(flat[i]!, flat[i + 1]!);
  }
  return kept;
}

/** What a viewer is told of an answer: what is passed on of it, and what the policy sets. */
export function viewerHeaders(flat: string[], policy: readonly PolicyHeader[]): string[] {
  const said = new Set(flat.filter((_, index) => index % 2 === 0).map(lowerCase));
  const set = policy.filter(({ name, overrides }) => overrides || !said.has(lowerCase(name)));
  const replaced = new Set(set.map(({ name }) => lowerCase(name)));
  return withoutHopByHop(flat, replaced).concat(set.flatMap(({ name, value }) => [name, value]));
}

const lowerCase = (name: string): string => name.toLowerCase();

/**
 * What an origin is told: all that the viewer sent, or only what is in the cache key; and who asks,
 * at which address of ours. That address is ours, not the viewer's `Host`: a page that is kept for
 * everybody must not contain what one of them wrote there.
 */
export function originHeaders(
  request: IncomingMessage,
  behaviour: Behaviour,
  publicUrl: URL,
  requestId: string,
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  const names = behaviour.forwardsAll ? Object.keys(request.headers) : behaviour.key.headers;
  for (const name of names) {
    const value = request.headers[name];
    if (value !== undefined && !HOP_BY_HOP.has(name)) headers[name] = value;
  }
  delete headers['host'];
  const before = request.headers['x-forwarded-for'];
  const viewer = request.socket.remoteAddress ?? '';
  headers['x-forwarded-for'] = before === undefined ? viewer : `${String(before)}, ${viewer}`;
  headers['x-forwarded-proto'] = publicUrl.protocol.slice(0, -1);
  headers['x-forwarded-host'] = publicUrl.host;
  headers['x-request-id'] = requestId;
  return headers;
}
