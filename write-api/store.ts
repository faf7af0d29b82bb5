import type { FastifyInstance } from 'fastify';
import type { UpiAddress } from '../domain/money/payment.ts';
import { LIMITS } from '../domain/limits.ts';
import { store, type TaxRegistration } from '../domain/stores/store.ts';
import { pincode as pincodeSchema } from '../domain/schema.ts';
import { Limiter } from '../platform/limits.ts';
import { object, orNull, text } from '../platform/schema.ts';
import { sign } from '../platform/signature.ts';
import type { Services } from './services.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { writtenGstin } from '../domain/stores/gstin.ts';
import { LINKED_ACCOUNT } from '../domain/money/transfer.ts';
import { stateFrom } from '../domain/stores/pincode-states.ts';
import { stateSchema } from './delivery.ts';
import { anybody, registeredShop } from './who.ts';

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
    state: {
      ...stateSchema,
      description:
        'Of a shop without a GSTIN whose PIN code does not tell: its state, as two digits or as a name',
    },
    fssai: orNull(
      { type: 'string', pattern: '^[12][0-9]{13}$' },
      'Number of the FSSAI licence or registration, 14 digits, for the bills',
    ),
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
        merchant: {
          type: 'object',
          additionalProperties: false,
          minProperties: 1,
          description: 'What the shop’s own QR says besides: upi://pay?pa=…&mc=5411&mode=02',
          properties: {
            mc: { type: 'string', pattern: '^[0-9]{4}$', description: 'Merchant category code' },
            mode: { type: 'string', pattern: '^[0-9]{2}$' },
            purpose: { type: 'string', pattern: '^[0-9]{2}$' },
            orgid: { type: 'string', pattern: '^[0-9]{1,12}$' },
            sign: { type: 'string', pattern: '^[A-Za-z0-9+/=_-]{1,500}$' },
          },
        },
      },
    },
  },
} as const;

const linkedAccount = {
  type: 'object',
  required: ['account'],
  additionalProperties: false,
  properties: {
    account: orNull(
      { type: 'string', pattern: LINKED_ACCOUNT.source },
      'The shop’s linked account at Razorpay, like acc_GPWqTfJnPnuHgK; null: the shop takes no cards',
    ),
  },
} as const;

const registration = object({
  storeId: text,
  pass: { ...text, description: 'Lets the shop’s staff in: nobody else gets to know it' },
});

type TaxRegistrationBody = Pick<TaxRegistration, 'gstin' | 'legalName' | 'address'> & {
  composition?: boolean;
  state?: string;
  fssai?: string | null;
};

/**
 * A shop and what its owner says of it. Whoever registers it gets its pass with the answer, and with
 * the answer to each repeat under the same `Idempotency-Key`: the first may have been lost, and only
 * who registered the shop knows that key. Nothing else answers with a pass; it is the same for ever,
 * and `npm run ops -- pass` prints it again. What its bills say and where its money goes only the
 * shop itself changes.
 */
export function storeRoutes(app: FastifyInstance, services: Services): void {
  const { handler, storePassSecret } = services;
  commandRoute(app, handler, {
    path: 'POST /stores',
    who: anybody,
    creates: 'store',
    limits: [new Limiter(LIMITS.stores)],
    body: newStore,
    decider: store,
    command: ({ name, city, pincode }: { name: string; city: string; pincode: string }) => ({
      type: 'RegisterStore',
      data: { name: name.trim(), city: city.trim(), pincode },
    }),
    answer: registration,
    reply: (_, { id: storeId }) => ({ storeId, pass: sign(storePassSecret, storeId) }),
  });

  commandRoute(app, handler, {
    path: 'PUT /stores/:storeId/tax-registration',
    who: registeredShop(services),
    id: ({ storeId }) => storeId,
    body: taxRegistration,
    decider: store,
    command: ({
      gstin,
      composition = false,
      state,
      fssai = null,
      ...named
    }: TaxRegistrationBody) => ({
      type: 'SetTaxRegistration',
      data: {
        gstin: written(gstin),
        composition,
        state: (state && stateFrom(state)) ?? null,
        fssai,
        legalName: named.legalName.trim(),
        address: named.address.trim(),
      },
    }),
    answer: object({ gstin: orNull(text) }),
    reply: (_, { body }) => ({ gstin: written(body.gstin) }),
  });

  commandRoute(app, handler, {
    path: 'PUT /stores/:storeId/upi',
    who: registeredShop(services),
    id: ({ storeId }) => storeId,
    body: upiAddress,
    decider: store,
    command: ({ upi }: { upi: UpiAddress | null }) => ({
      type: 'SetUpiAddress',
      data: { upi: upi && { ...upi, name: upi.name.trim() } },
    }),
    answer: object({ storeId: text }),
    reply: (_, { id: storeId }) => ({ storeId }),
  });

  commandRoute(app, handler, {
    path: 'PUT /stores/:storeId/linked-account',
    who: registeredShop(services),
    id: ({ storeId }) => storeId,
    body: linkedAccount,
    decider: store,
    command: (data: { account: string | null }) => ({ type: 'SetLinkedAccount', data }),
    answer: object({ storeId: text }),
    reply: (_, { id: storeId }) => ({ storeId }),
  });
}

const written = (gstin: string | null): string | null => gstin && writtenGstin(gstin);
