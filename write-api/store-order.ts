import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  REJECTION_REASONS,
  storeOrder,
  type StoreOrderCommand,
  type StoreOrderRejection,
} from '../domain/store-order.ts';
import { object, text, uuid } from '../platform/schema.ts';
import type { Services } from './app.ts';
import { atPosition, commandHeaders, contextOf } from './command.ts';

type Request = FastifyRequest<{
  Params: { storeOrderId: string };
  Body: { reason?: StoreOrderRejection } | null | undefined;
}>;

const params = {
  type: 'object',
  properties: { storeOrderId: uuid },
} as const;

const noBody = { type: ['object', 'null'], additionalProperties: false } as const;

const rejectBody = {
  ...noBody,
  properties: { reason: { type: 'string', enum: REJECTION_REASONS } },
} as const;

/** The steps that a shop's staff take, each named in the path: /store-orders/{id}/accept. */
const STEPS: Record<string, (request: Request) => StoreOrderCommand> = {
  accept: () => ({ type: 'AcceptStoreOrder', data: {} }),
  reject: ({ body }) => ({ type: 'RejectStoreOrder', data: { reason: body?.reason ?? 'other' } }),
  pack: () => ({ type: 'PackStoreOrder', data: {} }),
  dispatch: () => ({ type: 'DispatchStoreOrder', data: {} }),
  deliver: () => ({ type: 'DeliverStoreOrder', data: {} }),
};

export function storeOrderRoutes(app: FastifyInstance, { handler }: Services): void {
  for (const [step, commandOf] of Object.entries(STEPS)) {
    const response = { 200: object({ storeOrderId: uuid, status: text }) };
    const body = step === 'reject' ? rejectBody : noBody;
    app.post(
      `/store-orders/:storeOrderId/${step}`,
      { schema: { params, body, headers: commandHeaders, response } },
      async (request, reply) => {
        const { storeOrderId } = (request as Request).params;
        const command = commandOf(request as Request);
        const context = contextOf(request);
        const outcome = await handler.handle(storeOrder, storeOrderId, command, context);
        return atPosition(reply, outcome.position).send({
          storeOrderId,
          status: outcome.state.status,
        });
      },
    );
  }
}
