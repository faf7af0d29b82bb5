import type { FastifyInstance } from 'fastify';
import {
  COUNT_REASONS,
  availableOf,
  inventory,
  itemOf,
  type CountReason,
  type Inventory,
  type StockCount,
  type StockLine,
} from '../domain/inventory/inventory.ts';
import { listingId } from '../domain/catalogue/listing.ts';
import { stockFigures } from '../domain/schema.ts';
import { bodyOf, list, object, text, type Schema } from '../platform/schema.ts';
import type { Services } from './services.ts';
import { assertListed } from './cart.ts';
import { commandRoute } from '../engine/commands/route.ts';
import { registeredShop } from './who.ts';

const MAX_LINES = 200;
/** As many digits as a price list may say. */
const MAX_PIECES = 9_999_999;

const sku = { type: 'string', minLength: 1, maxLength: 64 } as const;
const pieces = (minimum: number) =>
  ({ type: 'integer', minimum, maximum: MAX_PIECES, description: 'Pieces' }) as const;

/** Lines of so much each, and what may be said beside them. */
function linesBody(figures: Record<string, Schema>, more: Record<string, Schema> = {}): Schema {
  const items = bodyOf({ sku, ...figures });
  const lines = { type: 'array', minItems: 1, maxItems: MAX_LINES, items };
  return bodyOf({ lines, ...more }, ['lines']);
}

const moved = linesBody({ quantity: pieces(1) });

const counted = linesBody(
  {
    quantity: { ...pieces(0), description: 'Pieces on the shelf, those put aside for orders too' },
    expected: {
      type: ['integer', 'null'],
      description:
        'What `onHand` said when you looked: where it says something else now, the count is refused',
    },
  },
  {
    reason: {
      type: ['string', 'null'],
      enum: [...COUNT_REASONS, null],
      description: 'Why it differs from the books; may be missing where nothing does',
    },
  },
);

const kept = linesBody({
  quantity: { ...pieces(0), description: 'Pieces that online orders leave on the shelf' },
});

/** The articles as they stand after the command. */
const standing = object({
  lines: list(object({ sku: text, ...stockFigures })),
});

type Body<Line> = { lines: Line[] };
type Count = Body<StockCount> & { reason?: CountReason | null };

/** What a shop does to its stock, each named in the path: /stores/{id}/stock/receive. */
export function inventoryRoutes(app: FastifyInstance, services: Services): void {
  const { handler } = services;
  const assertAllListed = async (storeId: string, lines: StockLine[]): Promise<void> => {
    await Promise.all(lines.map(({ sku: of }) => assertListed(handler, listingId(storeId, of))));
  };
  const ofStock = {
    who: registeredShop(services),
    id: ({ storeId }: { storeId: string }) => storeId,
    decider: inventory,
    answer: standing,
    reply: (state: Inventory, { body }: { body: Body<StockLine> }) => ({
      lines: body.lines.map((line) => {
        const item = itemOf(state, line.sku);
        return { sku: line.sku, ...item, available: availableOf(item) };
      }),
    }),
  };

  commandRoute(app, handler, {
    ...ofStock,
    path: 'POST /stores/:storeId/stock/receive',
    body: moved,
    async command({ lines }: Body<StockLine>, { id }) {
      await assertAllListed(id, lines);
      return { type: 'ReceiveStock', data: { lines } };
    },
  });

  commandRoute(app, handler, {
    ...ofStock,
    path: 'POST /stores/:storeId/stock/sell',
    body: moved,
    async command({ lines }: Body<StockLine>, { id }) {
      await assertAllListed(id, lines);
      return { type: 'SellAtCounter', data: { lines } };
    },
  });

  commandRoute(app, handler, {
    ...ofStock,
    path: 'POST /stores/:storeId/stock/count',
    body: counted,
    async command({ lines, reason = null }: Count, { id }) {
      await assertAllListed(id, lines);
      return { type: 'CountStock', data: { counts: lines, reason } };
    },
  });

  commandRoute(app, handler, {
    ...ofStock,
    path: 'POST /stores/:storeId/stock/buffer',
    body: kept,
    async command({ lines }: Body<StockLine>, { id }) {
      await assertAllListed(id, lines);
      return { type: 'SetSafetyBuffer', data: { lines } };
    },
  });
}
