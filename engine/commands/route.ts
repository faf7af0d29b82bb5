import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hookRoute, type Limiting, type ParamsOf, type Who } from '../../platform/route.ts';
import type { Decider, Message } from '../decider.ts';
import {
  atPosition,
  commandHeaders,
  contextOf,
  contextOfCreation,
  idOfCreation,
} from './context.ts';
import type { CommandContext, Handler } from './handle.ts';

/** Who sends a command, as its events name it. `Who` may have read more to know it. */
export type Caller = { actor: string };

/** A command as it came: judged by its schemas, from whom it may come. */
export type Asked<Path extends string, Body, By extends Caller> = {
  /** Of the stream that it is for, without its category. */
  id: string;
  params: ParamsOf<Path>;
  body: Body;
  caller: By;
  context: CommandContext;
};

/** A log position that a read has to have seen to show what was done, and what is answered. */
export type Reply = { position: bigint; answer: object };

type Declaration<Path extends string, By extends Caller> = {
  /** Method and address below the API's prefix: `'PUT /stores/:storeId/hours'`. */
  path: Path;
  who: Who<ParamsOf<Path>, By>;
  /** JSON schemas. */
  params?: object;
  body?: object;
  answer: object;
  bodyLimit?: number;
  limits?: readonly Limiting[];
} & (
  | {
      /** Of the stream that the command is for, without its category. */
      id: (params: ParamsOf<Path>) => string;
    }
  | {
      /**
       * What it makes: the id follows from the command's, so that a repeat makes the same one, and
       * it is answered with 201.
       */
      creates: string;
    }
);

/** The common case: one command to one stream. */
type OneCommand<
  Path extends string,
  By extends Caller,
  Body,
  State,
  C extends Message,
  E extends Message,
> = Declaration<Path, By> & {
  decider: Decider<State, C, E>;
  /** What the request asks for, and whatever has to be known first. */
  command: (body: Body, asked: Asked<Path, Body, By>) => C | Promise<C>;
  reply: (state: State, asked: Asked<Path, Body, By>) => object;
};

/** More than one command, or what has to follow one before it is answered. */
type SeveralCommands<Path extends string, By extends Caller, Body> = Declaration<Path, By> & {
  run: (body: Body, asked: Asked<Path, Body, By>) => Promise<Reply>;
};

/**
 * Declares the route of a command: who may send it, what it may say, and what becomes of it. Schemas,
 * the idempotency key, `handle`, the position header and the status are the same for all.
 *
 *     commandRoute(app, handler, {
 *       path: 'PUT /doors/:doorId/lock',
 *       who: anybody,
 *       id: ({ doorId }) => doorId,
 *       body: bodyOf({ locked: { type: 'boolean' } }),
 *       decider: door,
 *       command: ({ locked }: { locked: boolean }) => ({ type: 'SetLock', data: { locked } }),
 *       answer: object({ locked: { type: 'boolean' } }),
 *       reply: ({ locked }) => ({ locked }),
 *     });
 */
export function commandRoute<
  const Path extends string,
  By extends Caller,
  Body,
  State,
  const C extends Message,
  E extends Message,
>(app: FastifyInstance, handler: Handler, declared: OneCommand<Path, By, Body, State, C, E>): void;
export function commandRoute<const Path extends string, By extends Caller, Body>(
  app: FastifyInstance,
  handler: Handler,
  declared: SeveralCommands<Path, By, Body>,
): void;
export function commandRoute<Path extends string, By extends Caller, Body>(
  app: FastifyInstance,
  handler: Handler,
  declared: OneCommand<Path, By, Body, unknown, Message, Message> | SeveralCommands<Path, By, Body>,
): void {
  const { path, who, params, body, answer, bodyLimit, limits } = declared;
  const status = 'creates' in declared ? 201 : 200;
  const schema = {
    ...(params && { params }),
    ...(body && { body }),
    headers: commandHeaders,
    response: { [status]: answer },
  };
  const run = 'run' in declared ? declared.run : once(handler, declared);
  hookRoute(app, {
    path,
    who,
    schema,
    ...(bodyLimit && { bodyLimit }),
    ...(limits && { limits }),
    async run(request, reply, caller) {
      const asked = askedOf<Path, By, Body>(declared, request, caller, handler.now());
      const { position, answer: said } = await run(asked.body, asked);
      await atPosition(handler, reply.code(status), position);
      return reply.send(said);
    },
  });
}

const once =
  <Path extends string, By extends Caller, Body>(
    handler: Handler,
    { decider, command, reply }: OneCommand<Path, By, Body, unknown, Message, Message>,
  ) =>
  async (body: Body, asked: Asked<Path, Body, By>): Promise<Reply> => {
    const wanted = await command(body, asked);
    const { state, position } = await handler.handle(decider, asked.id, wanted, asked.context);
    return { position, answer: reply(state, asked) };
  };

function askedOf<Path extends string, By extends Caller, Body>(
  declared: Declaration<Path, By>,
  request: FastifyRequest & { params: ParamsOf<Path> },
  caller: By,
  now: Date,
): Asked<Path, Body, By> {
  const { params } = request;
  const body = request.body as Body;
  if (!('creates' in declared)) {
    const context = contextOf(request, caller.actor, now);
    return { id: declared.id(params), params, body, caller, context };
  }
  const context = contextOfCreation(request, caller.actor, now);
  return { id: idOfCreation(declared.creates, context), params, body, caller, context };
}
