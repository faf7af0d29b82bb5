import type { FastifyInstance } from 'fastify';
import { hookRoute } from '../platform/route.ts';
import type { Services } from './services.ts';
import { anybody, assertSameOrigin } from './who.ts';

export function sessionRoutes(app: FastifyInstance, services: Services): void {
  hookRoute(app, {
    path: 'POST /session',
    who: anybody,
    schema: {
      description:
        'Gives a browser a session as a cookie, or has the one that it brings last longer: carts and ' +
        'orders are whose session it is.',
      response: { 204: { type: 'null', description: 'With the cookie' } },
    },
    run(request, reply) {
      assertSameOrigin(services, request);
      const cookie = services.sessions.cookieFor(request.headers);
      return reply
        .header('cache-control', 'no-store')
        .header('set-cookie', cookie)
        .code(204)
        .send();
    },
  });
}
