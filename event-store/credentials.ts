/** Who may call a store that is given users. A known user may do everything: there are no roles. */
import { hash, timingSafeEqual } from 'node:crypto';
import { ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';

/** Passwords by name. */
export type Users = Record<string, string>;

/** The client asks these without credentials, before anything else. */
const OPEN_TO_ALL = [
  '/event_store.client.server_features.ServerFeatures/',
  '/event_store.client.gossip.Gossip/',
];

/** Users from JSON: `{"name":"password"}`. Throws an Error that does not repeat what it read. */
export function parseUsers(json: string): Users {
  const wrong = new Error('The users have to be a JSON object: {"name":"password"}.');
  let users: unknown;
  try {
    users = JSON.parse(json);
  } catch {
    throw wrong;
  }
  if (users === null || typeof users !== 'object' || Array.isArray(users)) throw wrong;
  const isUser = ([name, password]: [string, unknown]): boolean =>
    /^[^:]+$/.test(name) && typeof password === 'string' && password !== '';
  const entries = Object.entries(users);
  if (entries.length === 0 || !entries.every(isUser)) throw wrong;
  return users as Users;
}

/** Ends a call as UNAUTHENTICATED unless it carries a user's name and password (RFC 7617). */
export function checkCredentials(users: Users): ServerInterceptor {
  const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
  const known = Object.entries(users).map(([name, password]) => digest(`${name}:${password}`));
  const isKnown = (authorization: string): boolean => {
    const [, encoded = ''] = /^basic +(\S+)$/i.exec(authorization) ?? [];
    const given = digest(Buffer.from(encoded, 'base64').toString());
    // All are compared, each in constant time, so that the time tells nothing of any of them.
    return known.filter((user) => timingSafeEqual(user, given)).length > 0;
  };
  return ({ path }, call) => {
    if (OPEN_TO_ALL.some((service) => path.startsWith(service)))
      return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            if (isKnown(String(metadata.get('authorization')[0] ?? ''))) return proceed(metadata);
            const details = 'This event store answers its users only: wrong or no credentials.';
            call.sendStatus({ code: status.UNAUTHENTICATED, details });
          },
        }),
    });
  };
}
