import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Behaviour } from './distribution.ts';
import { viewerHeaders, withoutHopByHop } from './headers.ts';

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);

/** CloudFront compresses what is within these limits. */
const MIN_COMPRESSED_BYTES = 1_000;
const MAX_COMPRESSED_BYTES = 10_000_000;
/** Nearly the size of 11 at a hundredth of its time. */
const BROTLI_QUALITY = 5;
const COMPRESSIBLE =
  /^(?:text\/(?!event-stream)|application\/(?:json|javascript|xml|manifest\+json|problem\+json|wasm)|image\/svg\+xml|font\/(?:ttf|otf))/;

/** Written anew for each encoding or each viewer. */
const OWN_HEADERS = new Set(['content-length', 'etag', 'vary', 'age', 'date', 'x-cache']);

type Encoding = 'identity' | 'gzip' | 'br';

/** The answer in one encoding, with everything about it that is the same for every viewer. */
type Variant = { body: Buffer; head: string[] };

export type XCache = 'Hit' | 'RefreshHit' | 'Miss' | 'Error';

/** A whole answer of an origin, ready to be given to any number of viewers. */
export class Answer {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** What it takes in memory; about, since encodings are made when they are first asked for. */
  readonly bytes: number;
  readonly #status: number;
  readonly #body: Buffer;
  readonly #headers: string[];
  readonly #compressible: boolean;
  readonly #variants: Partial<Record<Encoding, Variant>> = {};
  readonly #encoding: Partial<Record<Encoding, Promise<Variant>>> = {};

  constructor(
    incoming: IncomingMessage,
    body: Buffer,
    { compress, responseHeaders }: Pick<Behaviour, 'compress' | 'responseHeaders'>,
  ) {
    const { etag, vary } = incoming.headers;
    this.etag = etag;
    this.lastModified = incoming.headers['last-modified'];
    this.#status = incoming.statusCode!;
    this.#body = body;
    this.#headers = viewerHeaders(
      withoutHopByHop(incoming.rawHeaders, OWN_HEADERS),
      responseHeaders,
    );
    this.#compressible =
      compress &&
      body.length >= MIN_COMPRESSED_BYTES &&
      body.length <= MAX_COMPRESSED_BYTES &&
      COMPRESSIBLE.test(incoming.headers['content-type'] ?? '');
    if (this.#compressible) this.#headers.push('Vary', vary ?? 'Accept-Encoding');
    else if (vary) this.#headers.push('Vary', vary);
    this.bytes = this.#compressible ? Math.ceil(body.length * 1.5) : body.length;
  }

  /**
   * Gives it to a viewer, or the news that the viewer has it already (304). The first one in each
   * encoding has to wait for it; then a promise is answered.
   */
  serve(
    request: IncomingMessage,
    response: ServerResponse,
    xCache: XCache,
    ageS?: number,
  ): Promise<void> | undefined {
    const encoding = this.#compressible ? acceptedEncoding(request) : 'identity';
    const variant = this.#variants[encoding];
    if (!variant) return this.#serveFirst(encoding, request, response, xCache, ageS);
    this.#send(variant, request, response, xCache, ageS);
    return undefined;
  }

  async #serveFirst(
    encoding: Encoding,
    ...to: [IncomingMessage, ServerResponse, XCache, number | undefined]
  ): Promise<void> {
    const variant = await (this.#encoding[encoding] ??= this.#encode(encoding));
    this.#variants[encoding] = variant;
    this.#send(variant, ...to);
  }

  async #encode(encoding: Encoding): Promise<Variant> {
    const body =
      encoding === 'br'
        ? await brotli(this.#body, {
            params: {
              [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
              [zlib.constants.BROTLI_PARAM_SIZE_HINT]: this.#body.length,
            },
          })
        : encoding === 'gzip'
          ? await gzip(this.#body)
          : this.#body;
    const head = [...this.#headers];
    if (encoding !== 'identity') head.push('Content-Encoding', encoding);
    // Another encoding is another sequence of bytes: the same tag may only be a weak one.
    const weaken = encoding !== 'identity' && !this.etag?.startsWith('W/');
    if (this.etag) head.push('ETag', weaken ? `W/${this.etag}` : this.etag);
    if (this.#status !== 204) head.push('Content-Length', `${body.length}`);
    return { body, head };
  }

  #send(
    variant: Variant,
    request: IncomingMessage,
    response: ServerResponse,
    xCache: XCache,
    ageS: number | undefined,
  ): void {
    const head = variant.head.concat('X-Cache', `${xCache} from cloudfront`);
    if (ageS !== undefined) head.push('Age', `${ageS}`);
    const condition = request.headers['if-none-match'];
    if (condition !== undefined && this.etag !== undefined && matches(condition, this.etag)) {
      response.writeHead(304, withoutHopByHop(head, BODY_HEADERS)).end();
      return;
    }
    response.writeHead(this.#status, head);
    if (request.method === 'HEAD') response.end();
    else response.end(variant.body);
  }
}

const BODY_HEADERS = new Set(['content-length', 'content-encoding', 'content-type']);

/** RFC 9110, 13.1.2: tags are compared weakly, and `*` is any. */
function matches(condition: string, etag: string): boolean {
  const opaque = etag.replace(/^W\//, '');
  return condition
    .split(',')
    .some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === opaque);
}

const REFUSED = /;\s*q=0(?:\.0*)?\s*$/;

function acceptedEncoding(request: IncomingMessage): Encoding {
  const header = request.headers['accept-encoding'];
  if (header === undefined) return 'identity';
  const accepted = header.split(',').filter((each) => !REFUSED.test(each));
  if (accepted.some((each) => each.trimStart().startsWith('br'))) return 'br';
  return accepted.some((each) => each.trimStart().startsWith('gzip')) ? 'gzip' : 'identity';
}
