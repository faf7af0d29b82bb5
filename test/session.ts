import { sessionCookie } from '../platform/session.ts';

export const SESSION_SECRET = 'a-secret-of-the-tests-for-sessions-32-or-more';
/** No server's, or one that came before. */
export const OTHER_SECRET = 'another-secret-of-the-tests-for-sessions-32-or-more';
/** 2100-01-01. */
const EXPIRES_S = 4_102_444_800;

/** What the browser of `guest:{id}` sends to a page of its own site. */
export const headersOfGuest = (id: string, secret = SESSION_SECRET) => ({
  cookie: sessionCookie(secret, id, EXPIRES_S),
  'sec-fetch-site': 'same-origin',
});
