import type { FastifyInstance } from 'fastify';
import {
  CREDIT_REASONS,
  fiscalYearBefore,
  fiscalYearOf,
  invoiceNotFound,
  invoices,
  registerId,
  revisionOf,
  type BilledLine,
  type CreditReason,
  type Invoice,
  type Supplier,
} from '../domain/invoices.ts';
import { Rejected } from '../domain/decider.ts';
import { listing } from '../domain/listing.ts';
import { order, type OrderLine } from '../domain/order.ts';
import { storeOrder } from '../domain/store-order.ts';
import { store, type Store } from '../domain/store.ts';
import { rateOn } from '../domain/tax.ts';
import { readStream, type EventStore } from '../platform/event-store.ts';
import { idFrom } from '../platform/ids.ts';
import { object, text, uuid } from '../platform/schema.ts';
import { businessDate } from '../platform/time.ts';
import type { Services } from './app.ts';
import type { Cause } from './checkout.ts';
import { atPosition, commandHeaders, contextOf } from './command.ts';
import type { Handler } from './handle.ts';

const MAX_CREDIT_LINES = 200;
/** Whatever is billed by itself is billed in this name. */
const ACTOR = 'invoices';

/**
 * Bills a delivered store order: once, however often it is asked to. Until the delivery nobody
 * knows what was taken at the door, so the goods go out without an invoice and it follows the
 * delivery (CGST Rules 2017, 55(4)); an order that is rejected never has one.
 *
 * @param deliveredAt RFC 3339; its day in India is the invoice's, and tells which rates hold
 */
export async function driveInvoice(
  handler: Handler,
  storeOrderId: string,
  orderId: string,
  deliveredAt: string,
  cause: Cause,
): Promise<void> {
  const placed = await handler.load(order, orderId, { fresh: true });
  const part =
    placed.status === 'none'
      ? undefined
      : placed.parts.find((one) => one.storeOrderId === storeOrderId);
  if (placed.status === 'none' || !part) throw new Error(`order ${orderId} lacks its part`);
  const { storeId } = part;
  const date = businessDate(deliveredAt);
  const { personId, sealedRecipient, pincode } = placed;
  const data = {
    storeOrderId,
    orderId,
    date,
    personId,
    sealedRecipient,
    pincode,
    supplier: supplierOf(await handler.load(store, storeId, { fresh: true })),
    lines: await Promise.all(part.lines.map((line) => billedLine(handler, line, date))),
  };
  const register = registerId(storeId, fiscalYearOf(date));
  await handler.handle(
    invoices,
    register,
    { type: 'IssueInvoice', data },
    { ...cause, commandId: idFrom('invoice', storeOrderId), actor: ACTOR },
  );
}

/** A shop that told nothing bills in the name over its door. */
const supplierOf = ({ name, city, pincode, tax }: Store): Supplier => ({
  storeName: name,
  ...(tax ?? { gstin: null, composition: false, legalName: name, address: `${city} ${pincode}` }),
});

async function billedLine(
  handler: Handler,
  { names: _, ...line }: OrderLine,
  date: string,
): Promise<BilledLine> {
  const listed = await handler.load(listing, line.listingId, { fresh: true });
  if (!listed.published) throw new Error(`${line.listingId} was sold but is not in the log`);
  return { ...line, hsn: listed.hsn, gstPercent: rateOn(listed.gstRates, date) };
}

type Found = { register: string; invoice: Invoice };

/**
 * The invoice of a store order: in this fiscal year's register or in the last one's. What is older
 * can no longer be credited (CGST Act 2017, section 34(2)). Throws `Rejected`.
 */
async function findInvoice(
  { handler, client }: { handler: Handler; client: EventStore },
  storeOrderId: string,
  today: string,
): Promise<Found> {
  const { status, storeId } = await handler.load(storeOrder, storeOrderId, { fresh: true });
  if (status === 'none') {
    throw new Rejected('STORE_ORDER_NOT_FOUND', 'There is no such order at this shop.');
  }
  const year = fiscalYearOf(today);
  for (const candidate of [year, fiscalYearBefore(year)]) {
    const register = registerId(storeId, candidate);
    const revision = revisionOf(
      await handler.load(invoices, register, { fresh: true }),
      storeOrderId,
    );
    if (revision === undefined) continue;
    const stream = `${invoices.category}-${register}`;
    let invoice: Invoice | undefined;
    for await (const { data } of readStream(client, stream, BigInt(revision), 1)) {
      invoice = data as Invoice;
    }
    if (!invoice) throw new Error(`${stream} lacks revision ${revision}, which was folded`);
    return { register, invoice };
  }
  throw invoiceNotFound();
}

type CreditBody = { lines: { listingId: string; quantity: number }[]; reason: CreditReason };

const creditBody = {
  type: 'object',
  required: ['lines', 'reason'],
  additionalProperties: false,
  properties: {
    lines: {
      type: 'array',
      minItems: 1,
      maxItems: MAX_CREDIT_LINES,
      items: {
        type: 'object',
        required: ['listingId', 'quantity'],
        additionalProperties: false,
        properties: {
          listingId: { type: 'string', minLength: 1, maxLength: 200 },
          quantity: { type: 'integer', minimum: 1 },
        },
      },
    },
    reason: { type: 'string', enum: CREDIT_REASONS },
  },
} as const;

export function invoiceRoutes(app: FastifyInstance, { handler, client }: Services): void {
  app.post<{ Params: { storeOrderId: string }; Body: CreditBody }>(
    '/store-orders/:storeOrderId/credit-notes',
    {
      schema: {
        params: { type: 'object', properties: { storeOrderId: uuid } },
        body: creditBody,
        headers: commandHeaders,
        response: { 201: object({ creditNoteId: uuid, number: text }) },
      },
    },
    async (request, reply) => {
      const { storeOrderId } = request.params;
      const context = contextOf(request);
      const today = businessDate(Date.now());
      const { register, invoice } = await findInvoice({ handler, client }, storeOrderId, today);
      const creditNoteId = idFrom('credit-note', storeOrderId, context.commandId);
      const data = { ...request.body, creditNoteId, invoice, date: today };
      const command = { type: 'IssueCreditNote', data } as const;
      const { state, position } = await handler.handle(invoices, register, command, context);
      const number = state.creditNotes[creditNoteId];
      return atPosition(reply.code(201), position).send({ creditNoteId, number });
    },
  );
}
