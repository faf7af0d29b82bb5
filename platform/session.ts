import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { unauthorized } from './http.ts';
import { sign, verified } from './signature.ts';

/**
 * Sessions that no server stores: a cookie names its guest and is signed, so that any server which
 * knows the keys can tell that it was made here. ops/edge/session.js makes the same at the edge.
 */

/** A browser sends it over HTTPS or to its own machine only, and takes it from this host alone. */
export const SESSION_COOKIE = '__Host-session';
export const SESSION_PATH = '/api/write/session';
/** Guests are known for so long after they last were here. */
const LIFETIME_S = 180 * 24 * 60 * 60;
const VERSION = '1';
/** 22 base64url characters. */
const ID_BYTES = 16;

/** A cookie says by which secret it was made: a part of its digest tells nothing of it. */
const KEY_ID_LENGTH = 8;
const keyIdOf = (secret: string): string =>
  createHash('sha256').update(secret).digest('hex').slice(0, KEY_ID_LENGTH);

/** The session of a guest as `__Host-session=…`; it holds until a time in seconds since 1970. */
export function sessionCookie(secret: string, id: string, expiryS: number): string {
  const token = sign(secret, `${VERSION}.${keyIdOf(secret)}.${expiryS}.${id}`);
  return `${SESSION_COOKIE}=${token}`;
}

type Cookies = Pick<IncomingHttpHeaders, 'cookie'>;

/** Makes and proves the sessions of guests. */
export class Sessions {
  readonly #newest: string;
  /** By key id. */
  readonly #secrets: Map<string, string>;
  readonly #now: () => Date;

  /** `secrets` as SESSION_SECRETS has them: the first one makes sessions, and each proves its own. */
  constructor(secrets: string, now: () => Date) {
    const all = secrets.split(',');
    this.#newest = all[0]!;
    this.#secrets = new Map(all.map((secret) => [keyIdOf(secret), secret]));
    this.#now = now;
  }

  /**
   * The `Set-Cookie` header of a session: of the guest who asks, for longer, or of a new one. Scripts
   * cannot read it, and other sites' pages send it only where they lead here.
   */
  cookieFor(headers: Cookies): string {
    const id = this.#idIn(headers) ?? randomBytes(ID_BYTES).toString('base64url');
    const expiryS = Math.floor(this.#now().getTime() / 1000) + LIFETIME_S;
    const cookie = sessionCookie(this.#newest, id, expiryS);
    return `${cookie}; Max-Age=${LIFETIME_S}; Path=/; Secure; HttpOnly; SameSite=Lax`;
  }

  /** Who asks, as events name them: `guest:…`. Undefined without a session that was made here. */
  find(headers: Cookies): string | undefined {
    const id = this.#idIn(headers);
    return id && `guest:${id}`;
  }

  /** The same. Throws a `Problem` 401 SESSION_NEEDED where there is none. */
  actorOf(headers: Cookies): string {
    const actor = this.find(headers);
    if (actor) return actor;
    throw unauthorized(
      'SESSION_NEEDED',
      `Nothing was done: POST ${SESSION_PATH} gives a session, with which to send this again.`,
    );
  }

  /** Of the first that proves: what is none keeps nobody out. */
  #idIn({ cookie = '' }: Cookies): string | undefined {
    for (const token of tokensIn(cookie)) {
      const [version, keyId, expiryS, id] = token.split('.');
      const secret = this.#secrets.get(keyId ?? '');
      if (!secret || version !== VERSION || !verified(secret, token)) continue;
      if (Number(expiryS) * 1000 > this.#now().getTime()) return id;
    }
    return undefined;
  }
}

/**
 * The values of our cookie in a `Cookie` header. Only a space and a tab may stand around a name: what
 * else JavaScript trims is a part of it, by which a browser would not see the prefix `__Host-`, and
 * take the cookie from another host.
 */
function* tokensIn(cookie: string): Generator<string> {
  for (const pair of cookie.split(';')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).replace(/^[ \t]+|[ \t]+$/g, '');
    if (at > 0 && name === SESSION_COOKIE) yield pair.slice(at + 1).replace(/[ \t]+$/, '');
  }
}

/**
 * Whether a browser says that a page of this very origin asks, such as `https://shop.example`: all of
 * today say so in one header, and older ones name the page's origin.
 */
export function isSameOrigin(headers: IncomingHttpHeaders, ownOrigin: string): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined ? headers.origin === ownOrigin : site === 'same-origin';
}
