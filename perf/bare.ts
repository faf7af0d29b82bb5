/**
 * The ceilings: a bare Fastify with a route that does one append through the same client, and one
 * that sends fixed bytes. Run as a process of its own: EVENT_STORE_URL and BODY_FILE say to whom it
 * appends and what it sends.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fastify from 'fastify';
import { asStored, connectEventStore } from '../platform/event-store.ts';

const app = fastify({ logger: false });
const { EVENT_STORE_URL, BODY_FILE } = process.env;

if (EVENT_STORE_URL) {
  const client = connectEventStore(EVENT_STORE_URL, asStored);
  /** Of the last event of each cart's stream: each cart has one shopper. */
  const revisions = new Map<string, bigint>();
  app.put<{ Params: { cartId: string; listingId: string }; Body: { quantity: number } }>(
    '/api/write/carts/:cartId/items/:listingId',
    async ({ params: { cartId, listingId }, body: { quantity } }) => {
      // What write-api's event holds, so that both put the same bytes on the disk and give the
      // projector, which runs beside both, the same work.
      const id = randomUUID();
      const event = {
        type: 'CartItemQuantityChanged',
        data: { listingId, quantity },
        metadata: {
          $correlationId: id,
          $causationId: id,
          commandId: id,
          actor: 'anonymous',
          at: new Date().toISOString(),
          schemaVersion: 1,
        },
      };
      const expected = revisions.get(cartId) ?? 'any';
      const { revision } = await client.appendEvents(`cart-${cartId}`, expected, [event]);
      revisions.set(cartId, revision);
      return { cartId, listingId, quantity };
    },
  );
}

if (BODY_FILE) {
  const body = readFileSync(BODY_FILE, 'utf8');
  app.get('/*', (_request, reply) => reply.type('application/json; charset=utf-8').send(body));
}

console.log(JSON.stringify({ listening: await app.listen({ port: 0, host: '127.0.0.1' }) }));
process.on('SIGTERM', () => process.exit(0));
