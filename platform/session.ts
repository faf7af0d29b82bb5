import { createHash, createHmac, randomUUID } from 'node:crypto';
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
/** 22 base64url characters are 132 bits. */
const ID_LENGTH = 22;

/** A cookie says by which secret it was made: a part of its digest tells nothing of it. */
const KEY_ID_LENGTH = 8;
const keyIdOf = (secret: string): string =>
  createHash('sha256').update(secret).digest('hex').slice(0, KEY_ID_LENGTH);

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
    const id = this.#idIn(headers) ?? this.#newId();
    const expiryS = Math.floor(this.#now().getTime() / 1000) + LIFETIME_S;
    const token = sign(this.#newest, `${VERSION}.${keyIdOf(this.#newest)}.${expiryS}.${id}`);
    return `${SESSION_COOKIE}=${token}; Max-Age=${LIFETIME_S}; Path=/; Secure; HttpOnly; SameSite=Lax`;
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

  #newId(): string {
    const digest = createHmac('sha256', this.#newest).update(`id.${randomUUID()}`);
    return digest.digest('base64url').slice(0, ID_LENGTH);
  }

  #idIn({ cookie }: Cookies): string | undefined {
    const token = cookie && sessionIn(cookie);
    const [version, keyId, expiryS, id] = token ? token.split('.') : [];
    const secret = keyId && this.#secrets.get(keyId);
    if (!token || !secret || version !== VERSION || !verified(secret, token)) return undefined;
    return Number(expiryS) * 1000 > this.#now().getTime() ? id : undefined;
  }
}

/** The value of our cookie in a `Cookie` header: of the first of that name, as servers take it. */
function sessionIn(cookie: string): string | undefined {
  for (const pair of cookie.split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === SESSION_COOKIE) return value;
  }
  return undefined;
}

export const hasSession = ({ cookie }: Cookies): boolean =>
  cookie !== undefined && sessionIn(cookie) !== undefined;

/** Whether a browser says that a page of this very host asks. */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host, 'x-forwarded-host': asked = host } = headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === asked;
}
