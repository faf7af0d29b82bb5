import { once } from 'node:events';
import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ops } from '../test/ops.ts';

type Document = { '@timestamp': string; message: string; room: string; level: number; n?: number };

/** What stands in for Elasticsearch: keeps documents, and fails as it is told to. */
type Elastic = {
  server: Server;
  documents: Document[];
  /** Answers of the next requests, first one first; then it works. */
  failures: ('down' | 'unauthorized' | 'busy' | 'refuses-first')[];
  requests: { path: string; authorization: string | undefined }[];
};

async function answer(elastic: Elastic, request: IncomingMessage, response: ServerResponse) {
  const lines = (await text(request)).trim().split('\n');
  elastic.requests.push({ path: request.url!, authorization: request.headers.authorization });
  const failure = elastic.failures.shift();
  if (failure === 'down') return request.socket.destroy();
  if (failure === 'unauthorized') return response.writeHead(401).end('no such user');
  const given = lines.filter((_, i) => i % 2 === 1).map((line) => JSON.parse(line) as Document);
  const items = given.map((document, i) => {
    if (failure === 'busy' && i > 0) return { create: { status: 429 } };
    if (failure === 'refuses-first' && i === 0) {
      return { create: { status: 400, error: { reason: 'not such a field' } } };
    }
    elastic.documents.push(document);
    return { create: { status: 201 } };
  });
  return response.end(JSON.stringify({ items }));
}

async function startElastic(): Promise<Elastic> {
  const elastic: Elastic = { server: createServer(), documents: [], failures: [], requests: [] };
  elastic.server.on('request', (request, response) => void answer(elastic, request, response));
  elastic.server.listen(0, '127.0.0.1');
  await once(elastic.server, 'listening');
  return elastic;
}

const test = suite<{ elastic: Elastic; dir: string; env: Record<string, string> }>('ship-logs');
test.before.each(async (context) => {
  context.elastic = await startElastic();
  const { port } = context.elastic.server.address() as AddressInfo;
  context.env = { ELASTICSEARCH_URL: `http://shipper:secret@localhost:${port}` };
  context.dir = await mkdtemp(join(tmpdir(), 'doorstep-ops-'));
});
test.after.each(async ({ elastic, dir }) => {
  elastic.server.close();
  elastic.server.closeAllConnections();
  await rm(dir, { recursive: true });
});

const line = (n: number) =>
  `${JSON.stringify({ level: 30, time: '2026-01-02T03:04:05.678Z', room: 'web', n, msg: 'hello' })}\n`;
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join('');
const numbers = ({ documents }: Elastic) => documents.map(({ n }) => n);
const ship = (dir: string, env: Record<string, string>) =>
  ops(['ship-logs', '--from', dir, '--once'], env);

test('sends each line once, as Kibana expects it', async ({ elastic, dir, env }) => {
  await writeFile(join(dir, 'web.log'), lines(0, 3));
  await writeFile(join(dir, 'edge.log'), 'Error: out of memory\n');
  const { code, stderr } = await ship(dir, env);
  assert.is(code, 0, stderr);
  await appendFile(join(dir, 'web.log'), `${lines(3, 5)}{"half a li`);
  await ship(dir, env);
  const web = elastic.documents.filter(({ room }) => room === 'web');
  assert.equal(
    web.map(({ n }) => n),
    [0, 1, 2, 3, 4],
  );
  assert.is(web[0]!['@timestamp'], '2026-01-02T03:04:05.678Z');
  assert.is(web[0]!.message, 'hello');
  const [crash] = elastic.documents.filter(({ room }) => room === 'edge');
  assert.equal([crash!.message, crash!.level], ['Error: out of memory', 50]);
  const [request] = elastic.requests;
  assert.is(request!.path, '/logs-doorstep-default/_bulk');
  assert.is(request!.authorization, `Basic ${Buffer.from('shipper:secret').toString('base64')}`);
});

test('an outage loses nothing and repeats nothing', async ({ elastic, dir, env }) => {
  await writeFile(join(dir, 'web.log'), lines(0, 4));
  elastic.failures = ['down', 'unauthorized', 'busy'];
  const { code, stderr } = await ship(dir, env);
  assert.is(code, 0, stderr);
  assert.equal(numbers(elastic), [0, 1, 2, 3]);
  assert.match(stderr, 'HTTP 401 no such user');
  assert.match(stderr, 'it took 1 of 4 lines');
  assert.not.match(stderr, 'secret');
});

test('what it could not send it sends the next time', async ({ elastic, dir, env }) => {
  await writeFile(join(dir, 'web.log'), lines(0, 4));
  elastic.failures = Array.from({ length: 5 }, () => 'down');
  assert.is((await ship(dir, env)).code, 1);
  assert.is((await ship(dir, env)).code, 0);
  assert.equal(numbers(elastic), [0, 1, 2, 3]);
});

test('a line that Elasticsearch never takes does not hold up the others', async (context) => {
  const { elastic, dir, env } = context;
  await writeFile(join(dir, 'web.log'), lines(0, 3));
  elastic.failures = ['refuses-first'];
  const { code, stderr } = await ship(dir, env);
  assert.is(code, 0);
  assert.equal(numbers(elastic), [1, 2]);
  assert.match(stderr, '1 line refused: not such a field');
});

test('a long file is emptied once it is sent, and goes on', async ({ elastic, dir, env }) => {
  const path = join(dir, 'web.log');
  const msg = 'x'.repeat(1_000_000);
  const long = Array.from({ length: 18 }, (_, n) => `${JSON.stringify({ n, msg })}\n`).join('');
  await writeFile(path, long);
  await ship(dir, env);
  assert.is((await stat(path)).size, 0);
  await appendFile(path, line(18));
  await ship(dir, env);
  assert.equal(
    numbers(elastic),
    Array.from({ length: 19 }, (_, n) => n),
  );
});

test.run();
