import type { FastifyInstance } from 'fastify';
import { Problem } from '../platform/http.ts';
import { hookRoute } from '../platform/route.ts';
import { isSameOrigin } from '../platform/session.ts';
import type { Services } from './services.ts';
import { anybody } from './who.ts';

/** Of other sites nobody is to act in a shopper's name, nor to take their session from them. */
export const crossSite = (): Problem =>
  new Problem(
    403,
    'CROSS_SITE',
    'Whoever comes with a session has to send it from a page of this shop: a browser says so in ' +
      'Sec-Fetch-Site or Origin, and so has anything else.',
  );

export function sessionRoutes(app: FastifyInstance, { sessions }: Services): void {
  hookRoute(app, {
    path: 'POST /session',
    who: anybody,
    schema: {
      description:
        'Gives a browser a session as a cookie, or has the one that it brings last longer: carts and ' +
        'orders are whose session it is.',
      response: { 204: { type: 'null', description: 'With the cookie' } },
    },
    run({ headers }, reply) {
      if (!isSameOrigin(headers)) throw crossSite();
      reply.header('cache-control', 'no-store').header('set-cookie', sessions.cookieFor(headers));
      return reply.code(204).send();
    },
  });
}
