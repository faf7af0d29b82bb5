import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hookRoute, type ParamsOf, type Who } from '../../platform/route.ts';
import { PRIVATE_CACHING, type PublicAnswers } from './answers.ts';
import { sendLive, type LiveServices } from './live.ts';

/** What reads stand on. */
export type ReadServices = LiveServices & { answers: PublicAnswers };

/** A read as it came: judged by its schemas, from whom it may come. */
export type Read<Path extends string, By> = { params: ParamsOf<Path>; caller: By };

type Declaration<Path extends string, By, Query> = {
  /** Its address below the API's prefix: `'GET /stores/:storeId'`. */
  path: Path;
  who: Who<ParamsOf<Path>, By>;
  /** JSON schemas. */
  params?: object;
  query?: object;
  answer?: object;
  read: (asked: Read<Path, By>, query: Query) => Promise<object>;
} & (
  | {
      /** The same for everybody: the edge and this process keep it until one of its tags changes. */
      answers: 'public';
      tags: (params: ParamsOf<Path>) => string[];
      /** Where it follows from something else than the address and the rows, as the day. */
      keyOf?: (url: string) => string;
    }
  | {
      /** For who asked: nobody keeps it. */
      answers: 'personal';
    }
  | {
      /**
       * For who asked, and again whenever one of its tags changes, as events of this name. Where
       * `who` tells callers not apart it follows from the address, and is read once for all; else
       * once for each that `readerOf` names.
       */
      answers: 'live';
      readerOf?: (caller: By) => string;
      tags: (params: ParamsOf<Path>) => string[];
      event: string;
    }
);

/**
 * Declares the route of a read: who may ask, for what, and for whom the answer is.
 *
 *     readRoute(app, services, {
 *       path: 'GET /doors/:doorId',
 *       who: anybody,
 *       answer: object({ locked: { type: 'boolean' } }),
 *       answers: 'public',
 *       tags: ({ doorId }) => [`door-${doorId}`],
 *       read: ({ params }) => readDoor(pool, params.doorId),
 *     });
 */
export function readRoute<const Path extends `GET ${string}`, By, Query>(
  app: FastifyInstance,
  services: ReadServices,
  declared: Declaration<Path, By, Query>,
): void {
  const { path, who, params, query, answer } = declared;
  const schema = {
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(answer && { response: { 200: answer } }),
  };
  hookRoute(app, {
    path,
    who,
    schema,
    ...(declared.answers === 'live' && { limits: services.streams }),
    async run(request, reply, caller) {
      const asked = { params: request.params, caller };
      const read = () => declared.read(asked, request.query as Query);
      if (declared.answers === 'personal') {
        reply.header('cache-control', PRIVATE_CACHING);
        return read();
      }
      const tags = declared.tags(asked.params);
      if (declared.answers === 'live') {
        const page = { event: declared.event, tags, read };
        const { readerOf } = declared;
        const reader = caller === undefined ? '' : readerOf?.(caller);
        const shared = reader === undefined ? Symbol('its own') : `${reader} ${request.url}`;
        return sendLive(services, request, reply, shared, page);
      }
      const key = declared.keyOf?.(request.url);
      return services.answers.send(request as FastifyRequest, reply, tags, read, key);
    },
  });
}
