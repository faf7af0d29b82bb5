import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { uuid } from './schema.ts';

/** The named parts of `'PUT /stores/:storeId/hours'`: `{ storeId: string }`. */
export type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Record<Name, string> & ParamsOf<Rest>
  : Path extends `${string}:${infer Name}`
    ? Record<Name, string>
    : unknown;

/** A request as far as it says who asks, and for what. */
export type Asking<Params = unknown> = Pick<FastifyRequest, 'id' | 'headers' | 'query' | 'body'> & {
  params: Params;
};

/** Who may call a route. What that means is for the product to say. */
export type Who<Params = unknown, Caller = unknown> = {
  /** As the table of routes shows it. */
  name: string;
  /** What the OpenAPI document says of it: how to prove who calls. */
  description?: string;
  /** Throws a `Problem` for anybody else. Resolves to the caller, with what was read to know it. */
  identify: (request: Asking<Params>) => Caller | Promise<Caller>;
  /** The body proves it, as where that is signed; else it is asked before the body is read. */
  byBody?: true;
};

/** Throws a `Problem` for what is too much; returns what is to be called once it is over. */
export type Limiting = {
  /** Whether it counts what is asked of one thing: only of whoever may ask, or others use it up. */
  isOfThing: boolean;
  take: (request: Pick<FastifyRequest, 'url' | 'headers'>, nowMs: number) => () => void;
};

export type HookRoute<Path extends string, Caller> = {
  /** Method and address below the API's prefix: `'POST /upi/webhooks'`. */
  path: Path;
  who: Who<ParamsOf<Path>, Caller>;
  schema: FastifySchema;
  bodyLimit?: number;
  /** Counted before anything else is looked at; those of one thing once it is known who asks. */
  limits?: readonly Limiting[];
  run: (
    request: FastifyRequest & { params: ParamsOf<Path> },
    reply: FastifyReply,
    caller: Caller,
  ) => unknown;
};

/** By the handler of each route that was declared here: who may call it. */
const declared = new WeakMap<object, string>();

/** Who may call a route of Fastify's; undefined where it was not declared with `hookRoute`. */
export const whoOf = ({ handler }: { handler: object }): string | undefined =>
  declared.get(handler);

/**
 * A route that answers by itself: a webhook, an upload, a page. Commands and reads have
 * declarations of their own, which come down to this one. The address is judged first, so that
 * `who` only meets ids that can be some; then who calls; then the body. A part of the path that is
 * called an id is a UUID, unless the schema says otherwise.
 */
export function hookRoute<Path extends string, Caller>(
  app: FastifyInstance,
  { path, who, schema, bodyLimit, limits = [], run }: HookRoute<Path, Caller>,
): void {
  type Request = FastifyRequest & { params: ParamsOf<Path> };
  const [method, url] = path.split(' ') as [string, string];
  const callers = new WeakMap<FastifyRequest, Caller>();
  const identify = async (request: FastifyRequest) => {
    assertAddress(request);
    callers.set(request, await who.identify(request as Request));
  };
  const handler = async (request: FastifyRequest, reply: FastifyReply) =>
    run(request as Request, reply, callers.get(request)!);
  const counting = (ofThing: boolean) => {
    const some = limits.filter(({ isOfThing }) => isOfThing === ofThing);
    return async (request: FastifyRequest, reply: FastifyReply) => {
      for (const limit of some) reply.raw.once('close', limit.take(request, performance.now()));
    };
  };
  const [count, countOfThing] = [counting(false), counting(true)];
  declared.set(handler, who.name);
  app.route({
    method,
    url,
    schema: {
      ...(who.description && { description: who.description }),
      ...schema,
      params: paramsOf(url, schema.params as ParamsSchema | undefined),
    },
    ...(bodyLimit && { bodyLimit }),
    onRequest: who.byBody ? [count] : [count, identify, countOfThing],
    ...(who.byBody && { preValidation: [identify, countOfThing] }),
    handler,
  });
}

type ParamsSchema = { properties?: object };

function paramsOf(url: string, declaredOnes: ParamsSchema = {}): object {
  const ids = [...url.matchAll(/:(\w*Id)\b/g)].map(([, name]) => [name!, uuid]);
  const properties = { ...Object.fromEntries(ids), ...declaredOnes.properties };
  return { type: 'object', ...declaredOnes, properties };
}

/** Throws what Fastify, which judges the body first, would say of the path and the query. */
function assertAddress(request: FastifyRequest): void {
  for (const part of ['params', 'querystring'] as const) {
    const isRight = request.getValidationFunction(part);
    if (!isRight || isRight(part === 'params' ? request.params : request.query)) continue;
    const [error] = isRight.errors ?? [];
    const what = `${part}${error?.instancePath ?? ''} ${error?.message ?? 'is wrong'}`;
    throw Object.assign(new Error(what), { statusCode: 400, code: 'FST_ERR_VALIDATION' });
  }
}
