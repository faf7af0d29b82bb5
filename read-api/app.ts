import { POSITION_HEADER, Problem, createApp, unavailable } from '../platform/http.ts';
import { LIMITS } from '../domain/limits.ts';
import { Limiter } from '../platform/limits.ts';
import { isPostgresUnavailable } from '../platform/postgres.ts';
import { parsePosition, type Position } from '../engine/position.ts';
import { PublicAnswers } from '../engine/reading/answers.ts';
import { LivePages } from '../engine/reading/live-pages.ts';
import { isPublicTag } from '../projector/tags.ts';
import { cartRoutes } from './cart.ts';
import { catalogueRoutes } from './catalogue.ts';
import { historyRoutes } from './history.ts';
import { invoiceRoutes } from './invoices.ts';
import { myOrdersRoutes } from './my-orders.ts';
import { orderBoardRoutes } from './order-board.ts';
import { priceListRoutes } from './price-list.ts';
import { slotsRoutes } from './slots.ts';
import { stockRoutes } from './stock.ts';
import { tillRoutes } from './till.ts';
import { anybody } from './who.ts';
import type { Services } from './services.ts';

/**
 * Postgres: no such table, schema or column, which is still being built; or a column of another
 * type than this connection, which the pool then drops, had it from the rows that were swapped out.
 */
const NOT_PROJECTED_YET = new Set(['42P01', '42703', '0A000']);

function problemOf(error: unknown): Problem | undefined {
  const notProjectedYet =
    error instanceof Error && 'code' in error && NOT_PROJECTED_YET.has(String(error.code));
  return notProjectedYet || isPostgresUnavailable(error)
    ? unavailable('UNAVAILABLE', 'This cannot be read just now: ask again in a moment.')
    : undefined;
}

function positionAsked(header: string | string[] | undefined): Position | undefined {
  if (header === undefined) return undefined;
  const position = typeof header === 'string' ? parsePosition(header) : undefined;
  if (position) return position;
  throw new Problem(
    400,
    'INVALID_POSITION',
    `${POSITION_HEADER} comes with the answer to a command: repeat it as it came.`,
  );
}

export function createReadApi(
  options: Omit<Services, 'answers' | 'pages' | 'closing' | 'streams'>,
) {
  const closing = new AbortController();
  const answers = new PublicAnswers(options.projected, isPublicTag);
  const streams = [new Limiter(LIMITS.streams), new Limiter(LIMITS.streamsOfPage)];
  const pages = new LivePages(options.projected);
  const services: Services = { ...options, answers, pages, closing: closing.signal, streams };
  return createApp({
    log: services.log,
    title: 'Doorstep Groceries: queries',
    prefix: '/api/read',
    problemOf,
    ready: async () => {
      await services.pool.query('select 1 from projector.checkpoint limit 1');
      if (!services.projected.connected) throw new Error('the projector is not heard');
    },
    whoReadsDocument: anybody,
    routes: (app) => {
      app.addHook('preClose', async () => closing.abort());
      // Read your writes: whoever says what they have done waits until it is to be seen.
      app.addHook('onRequest', async (request) => {
        const position = positionAsked(request.headers[POSITION_HEADER]);
        if (position !== undefined) await services.projected.reach(position);
      });
      catalogueRoutes(app, services);
      cartRoutes(app, services);
      myOrdersRoutes(app, services);
      historyRoutes(app, services);
      orderBoardRoutes(app, services);
      invoiceRoutes(app, services);
      slotsRoutes(app, services);
      stockRoutes(app, services);
      priceListRoutes(app, services);
      tillRoutes(app, services);
    },
  });
}
