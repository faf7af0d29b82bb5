/**
 * The ceiling of reads: a server that answers every read with the same bytes out of memory, the
 * answers of the store at EVENT_STORE_URL to a read of `$all`. A process of its own.
 */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { READ_PATH, frame, readAllRaw } from './raw.ts';

/** As large as the store's own pages. */
const CHUNK_BYTES = 128 * 1024;

const chunks: Buffer[] = [];
let page: Buffer[] = [];
let bytes = 0;
const keep = () => {
  if (page.length > 0) chunks.push(Buffer.concat(page));
  [page, bytes] = [[], 0];
};
await readAllRaw(process.env.EVENT_STORE_URL!, (message) => {
  const framed = frame(message);
  page.push(framed);
  bytes += framed.length;
  if (bytes >= CHUNK_BYTES) keep();
});
keep();

const UNIMPLEMENTED = '12';
const server = http2.createServer();
server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
  const isRead = headers[':path'] === READ_PATH;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': isRead ? '0' : UNIMPLEMENTED }),
  );
  stream.resume();
  if (isRead) void send(stream);
  else stream.end();
});

async function send(stream: http2.ServerHttp2Stream): Promise<void> {
  for (const chunk of chunks) {
    if (stream.destroyed) return;
    await new Promise((taken) => stream.write(chunk, taken));
  }
  stream.end();
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ listening: `esdb://127.0.0.1:${port}?tls=false` }));
});
process.once('SIGTERM', () => process.exit());
