import type { FastifyInstance } from 'fastify';
import {
  COUNT_REASONS,
  availableOf,
  inventory,
  itemOf,
  type CountReason,
  type InventoryCommand,
  type StockCount,
  type StockLine,
} from '../domain/inventory/inventory.ts';
import { listingId } from '../domain/catalogue/listing.ts';
import { Problem } from '../platform/http.ts';
import { stockFigures } from '../domain/schema.ts';
import { bodyOf, list, object, text, type Schema } from '../platform/schema.ts';
import type { Services } from './app.ts';
import { assertListed } from './cart.ts';
import { atPosition, commandHeaders, contextOf } from '../engine/commands/context.ts';

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

type Body<Line> = { lines: Line[]; reason?: CountReason | null };

/** What a shop does to its stock, each named in the path: /stores/{id}/stock/receive. */
const DEEDS: Record<string, { body: object; commandOf: (body: Body<never>) => InventoryCommand }> =
  {
    receive: {
      body: moved,
      commandOf: ({ lines }) => ({ type: 'ReceiveStock', data: { lines } }),
    },
    sell: {
      body: moved,
      commandOf: ({ lines }) => ({ type: 'SellAtCounter', data: { lines } }),
    },
    count: {
      body: counted,
      commandOf: ({ lines, reason = null }: Body<StockCount>) => ({
        type: 'CountStock',
        data: { counts: lines, reason },
      }),
    },
    buffer: {
      body: kept,
      commandOf: ({ lines }) => ({ type: 'SetSafetyBuffer', data: { lines } }),
    },
  };

/** The books have one line for each article: two counts of one would say two things. */
function assertNamedOnce(lines: StockLine[]): void {
  const seen = new Set<string>();
  for (const line of lines) {
    if (seen.has(line.sku)) {
      throw new Problem(400, 'INVALID_REQUEST', `"${line.sku}" is in two lines: make them one.`);
    }
    seen.add(line.sku);
  }
}

export function inventoryRoutes(app: FastifyInstance, { handler }: Services): void {
  for (const [deed, { body, commandOf }] of Object.entries(DEEDS)) {
    app.post<{ Params: { storeId: string }; Body: Body<never> }>(
      `/stores/:storeId/stock/${deed}`,
      { schema: { body, headers: commandHeaders, response: { 200: standing } } },
      async (request, reply) => {
        const { storeId } = request.params;
        const lines: StockLine[] = request.body.lines;
        assertNamedOnce(lines);
        await Promise.all(lines.map((line) => assertListed(handler, listingId(storeId, line.sku))));
        const command = commandOf(request.body);
        const outcome = await handler.handle(inventory, storeId, command, contextOf(request));
        return atPosition(reply, outcome.position).send({
          lines: lines.map((line) => {
            const item = itemOf(outcome.state, line.sku);
            return { sku: line.sku, ...item, available: availableOf(item) };
          }),
        });
      },
    );
  }
}
