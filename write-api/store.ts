import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Rejected } from '../domain/decider.ts';
import type { UpiAddress } from '../domain/payment.ts';
import { store, type TaxRegistration } from '../domain/store.ts';
import { idFrom } from '../platform/ids.ts';
import { storePass } from '../platform/pass.ts';
import { object, orNull, pincode as pincodeSchema, text } from '../platform/schema.ts';
import type { Services } from './app.ts';
import {
  assertFromShop,
  atPosition,
  commandHeaders,
  contextOf,
  contextOfCreation,
  FOR_THE_SHOP,
} from './command.ts';
import type { Handler } from './handle.ts';

const newStore = {
  type: 'object',
  required: ['name', 'city', 'pincode'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 120, pattern: '\\S' },
    city: { type: 'string', minLength: 1, maxLength: 80, pattern: '\\S' },
    pincode: pincodeSchema,
  },
} as const;

const taxRegistration = {
  type: 'object',
  required: ['gstin', 'legalName', 'address'],
  additionalProperties: false,
  properties: {
    gstin: orNull(text, '15 characters; null for a shop that is not registered'),
    composition: { type: 'boolean', description: 'Under the composition scheme: charges no tax' },
    legalName: { type: 'string', minLength: 1, maxLength: 200, pattern: '\\S' },
    address: { type: 'string', minLength: 1, maxLength: 400, pattern: '\\S' },
  },
} as const;

const upiAddress = {
  type: 'object',
  required: ['upi'],
  additionalProperties: false,
  properties: {
    upi: {
      type: ['object', 'null'],
      description: 'Null: the shop takes no UPI',
      required: ['vpa', 'name'],
      additionalProperties: false,
      properties: {
        vpa: {
          type: 'string',
          pattern: '^[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}$',
          description: 'A UPI address, like sharma.kirana@okhdfcbank',
        },
        name: { type: 'string', minLength: 1, maxLength: 100, pattern: '\\S' },
      },
    },
  },
} as const;

const registration = object({
  storeId: text,
  pass: { ...text, description: 'Lets the shop’s staff in: nobody else gets to know it' },
});

type TaxRegistrationBody = Omit<TaxRegistration, 'composition'> & { composition?: boolean };

/** Throws STORE_NOT_FOUND. A shop, once registered, stays: what this process saw is enough. */
export async function assertStoreExists(handler: Handler, storeId: string): Promise<void> {
  const { registered } = await handler.load(store, storeId, { fresh: false });
  if (registered) return;
  const now = await handler.load(store, storeId, { fresh: true });
  if (!now.registered) throw new Rejected('STORE_NOT_FOUND', `There is no shop "${storeId}".`);
}

/**
 * A shop and what its owner says of it. Whoever registers it gets its pass with the answer, and with
 * the answer to each repeat under the same `Idempotency-Key`: the first may have been lost, and only
 * who registered the shop knows that key. Nothing else answers with a pass; it is the same for ever,
 * and `npm run ops -- pass` prints it again. What its bills say and where its money goes only the
 * shop itself changes.
 */
export function storeRoutes(app: FastifyInstance, services: Services): void {
  const { handler, storePassSecret } = services;

  /** Throws `Rejected` STORE_NOT_FOUND, `Problem` 401 STORE_PASS_REQUIRED. */
  async function assertOwn(request: FastifyRequest, storeId: string): Promise<void> {
    await assertStoreExists(handler, storeId);
    assertFromShop(storePassSecret, storeId, request);
  }

  app.post<{ Body: { name: string; city: string; pincode: string } }>(
    '/stores',
    {
      schema: {
        body: newStore,
        headers: commandHeaders,
        response: { 201: registration },
      },
    },
    async (request, reply) => {
      const context = contextOfCreation(request);
      const storeId = idFrom('store', context.commandId);
      const { name, city, pincode } = request.body;
      const data = { name: name.trim(), city: city.trim(), pincode };
      const command = { type: 'RegisterStore', data } as const;
      const { position } = await handler.handle(store, storeId, command, context);
      const pass = storePass(storePassSecret, storeId);
      return atPosition(reply.code(201), position).send({ storeId, pass });
    },
  );

  app.put<{ Params: { storeId: string }; Body: TaxRegistrationBody }>(
    '/stores/:storeId/tax-registration',
    {
      schema: {
        description: FOR_THE_SHOP,
        body: taxRegistration,
        headers: commandHeaders,
        response: { 200: object({ gstin: orNull(text) }) },
      },
    },
    async (request, reply) => {
      const { storeId } = request.params;
      await assertOwn(request, storeId);
      const { gstin: written, composition = false, legalName, address } = request.body;
      const gstin = written && written.replace(/\s/g, '').toUpperCase();
      const names = { legalName: legalName.trim(), address: address.trim() };
      const data = { gstin, composition, ...names };
      const command = { type: 'SetTaxRegistration', data } as const;
      const { position } = await handler.handle(store, storeId, command, contextOf(request));
      return atPosition(reply, position).send({ gstin });
    },
  );

  app.put<{ Params: { storeId: string }; Body: { upi: UpiAddress | null } }>(
    '/stores/:storeId/upi',
    {
      schema: {
        description: FOR_THE_SHOP,
        body: upiAddress,
        headers: commandHeaders,
        response: { 200: object({ storeId: text }) },
      },
    },
    async (request, reply) => {
      const { storeId } = request.params;
      await assertOwn(request, storeId);
      const { upi } = request.body;
      const data = { upi: upi && { vpa: upi.vpa, name: upi.name.trim() } };
      const command = { type: 'SetUpiAddress', data } as const;
      const { position } = await handler.handle(store, storeId, command, contextOf(request));
      return atPosition(reply, position).send({ storeId });
    },
  );
}
