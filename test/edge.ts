import { once } from 'node:events';
import * as http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { CloudFrontClient, CreateInvalidationCommand } from '@aws-sdk/client-cloudfront';
import { Edge, type ViewerTimeouts } from '../local/edge/app.ts';
import { readDistribution } from '../local/edge/distribution.ts';
import type { KeyValues } from '../local/edge/viewer-request.ts';

export const DISTRIBUTION = fileURLToPath(
  new URL('../ops/edge/distribution.json', import.meta.url),
);
export const DISTRIBUTION_ID = 'ETEST';
export const CATALOGUE = '/api/read/stores/s1/catalogue';
export const PUBLIC = 'public, s-maxage=60, stale-while-revalidate=600';

export type Handler = (request: IncomingMessage, response: ServerResponse, nth: number) => void;

type PairOptions = {
  cacheBytes?: number;
  viewerTimeouts?: ViewerTimeouts;
  keyValues?: KeyValues;
};

/** A real origin behind a real edge with the distribution that is deployed. */
export async function createPair(
  handler: Handler,
  { cacheBytes, viewerTimeouts, keyValues }: PairOptions = {},
) {
  const seen: IncomingMessage[] = [];
  const origin = http.createServer((request, response) => {
    seen.push(request);
    handler(request, response, seen.length);
  });
  const originPort = await listen(origin);
  const address = `http://127.0.0.1:${originPort}`;
  const edge = new Edge({
    distribution: readDistribution(DISTRIBUTION, keyValues),
    origins: { web: address, 'read-api': address, 'write-api': address },
    distributionId: DISTRIBUTION_ID,
    purgeKeyId: 'the-key',
    publicUrl: 'https://shop.example',
    cacheBytes,
    viewerTimeouts,
  });
  const port = await listen(edge.server);
  const url = `http://127.0.0.1:${port}`;
  const cloudFront = new CloudFrontClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'the-key', secretAccessKey: 'any' },
  });
  return {
    url,
    seen,
    origin,
    originPort,
    edge,
    get: (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers }),
    invalidate: (...items: string[]) =>
      cloudFront.send(
        new CreateInvalidationCommand({
          DistributionId: DISTRIBUTION_ID,
          InvalidationBatch: {
            CallerReference: `${Math.random()}`,
            Paths: { Quantity: items.length, Items: items },
          },
        }),
      ),
    async close() {
      cloudFront.destroy();
      for (const server of [origin, edge.server]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

export async function listen(server: http.Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

type Pair = Awaited<ReturnType<typeof createPair>>;

/** Runs a test against a pair of its own. */
export const against =
  (handler: Handler, test: (pair: Pair) => Promise<void>, cacheBytes?: number) => async () => {
    const pair = await createPair(handler, { cacheBytes });
    try {
      await test(pair);
    } finally {
      await pair.close();
    }
  };

export const say =
  (text: string, headers: http.OutgoingHttpHeaders = {}): Handler =>
  (_request, response) =>
    void response.writeHead(200, { 'cache-control': PUBLIC, ...headers }).end(text);

/** Each answer tells how many requests the origin has seen. */
export const count =
  (headers: http.OutgoingHttpHeaders = {}): Handler =>
  (_request, response, nth) =>
    void response.writeHead(200, { 'cache-control': PUBLIC, ...headers }).end(`${nth}`);

/** Hit, Miss and so on. */
export const xCache = (response: Response) => response.headers.get('x-cache')?.split(' ')[0];
