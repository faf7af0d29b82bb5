import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isSame } from '../../platform/signature.ts';

/** CloudFront's own limit is 3,000 paths a request. */
const MAX_BODY_BYTES = 1024 * 1024;
/** The version of CloudFront's API, with which all of its paths begin. */
export const API_PREFIX = '/2020-05-31/';
const XMLNS = 'http://cloudfront.amazonaws.com/doc/2020-05-31/';

class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * CloudFront's CreateInvalidation as the AWS SDK calls it (REST with XML bodies). It is done when
 * it is answered. The key id with which a call is signed is a shared secret here: the signature
 * itself is not checked.
 */
export async function answerApi(
  request: IncomingMessage,
  response: ServerResponse,
  options: { distributionId: string; purgeKeyId: string; invalidate: (items: string[]) => void },
): Promise<void> {
  try {
    const batch = await readBatch(request, options);
    options.invalidate(batch.items);
    const id = `I${randomBytes(7).toString('hex').toUpperCase()}`;
    response.setHeader('Location', `${request.url}/${id}`);
    answerXml(response, 201, invalidationXml(id, batch));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    answerXml(response, error.status, errorXml(error));
  }
}

type Batch = { items: string[]; callerReference: string };

async function readBatch(
  request: IncomingMessage,
  { distributionId, purgeKeyId }: { distributionId: string; purgeKeyId: string },
): Promise<Batch> {
  const signature = /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(
    request.headers.authorization ?? '',
  );
  if (!isSame(signature?.[1] ?? '', purgeKeyId)) {
    throw new ApiError(403, 'AccessDenied', 'This key may not invalidate.');
  }
  const [, id, ...rest] = request.url!.slice(API_PREFIX.length).split('/');
  if (request.method !== 'POST' || rest.join('/') !== 'invalidation') {
    throw new ApiError(404, 'NotFound', 'Of the API, the local edge knows CreateInvalidation.');
  }
  if (id !== distributionId) {
    throw new ApiError(404, 'NoSuchDistribution', `The distribution here is ${distributionId}.`);
  }
  const xml = await readText(request);
  const items = elements(xml, 'Path');
  if (items.length === 0 || !items.every((item) => /^[/#]./.test(item) || item === '/')) {
    throw new ApiError(
      400,
      'InvalidArgument',
      'Each path must begin with / or, for a tag, with #.',
    );
  }
  return { items, callerReference: elements(xml, 'CallerReference')[0] ?? '' };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new ApiError(413, 'TooManyInvalidationsInProgress', 'Too many paths.');
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The texts of all elements of a name. The SDK writes no attributes, comments or CDATA here. */
function elements(xml: string, name: string): string[] {
  const found = xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'));
  return Array.from(found, ([, text]) => unescape(text!));
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescape = (text: string): string =>
  text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal));
  });

const escape = (text: string): string =>
  text.replace(/[&<>]/g, (character) => `&#${character.codePointAt(0)};`);

const invalidationXml = (id: string, { items, callerReference }: Batch): string => `
<Invalidation xmlns="${XMLNS}">
  <Id>${id}</Id>
  <Status>Completed</Status>
  <CreateTime>${new Date().toISOString()}</CreateTime>
  <InvalidationBatch>
    <Paths>
      <Quantity>${items.length}</Quantity>
      <Items>${items.map((item) => `<Path>${escape(item)}</Path>`).join('')}</Items>
    </Paths>
    <CallerReference>${escape(callerReference)}</CallerReference>
  </InvalidationBatch>
</Invalidation>`;

const errorXml = ({ code, message }: ApiError): string => `
<ErrorResponse xmlns="${XMLNS}">
  <Error><Type>Sender</Type><Code>${code}</Code><Message>${escape(message)}</Message></Error>
  <RequestId>local</RequestId>
</ErrorResponse>`;

function answerXml(response: ServerResponse, status: number, xml: string): void {
  response
    .writeHead(status, { 'Content-Type': 'text/xml', 'Cache-Control': 'no-store' })
    .end(`<?xml version="1.0"?>${xml}`);
}
