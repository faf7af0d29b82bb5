import type { Duplex } from 'node:stream';

type Refusal = { status: string; code: string; detail: string };

const MALFORMED: Refusal = {
  status: '400 Bad Request',
  code: 'MALFORMED_REQUEST',
  detail: 'This is not a request in HTTP/1.1.',
};

const REFUSALS: Record<string, Refusal> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 'REQUEST_TIMEOUT',
    detail: 'The request did not come in time: send it again, as a whole.',
  },
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 'HEADERS_TOO_LARGE',
    detail: 'Address and headers take at most 16 KiB together: send fewer of them.',
  },
};

/**
 * Refuses what Node could not read as a request, in the form of every other refusal (RFC 9457), and
 * closes: for `clientError` of a server, whose answers have some headers of their own.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  own: readonly { name: string; value: string }[] = [],
): void {
  const { _httpMessage: answer } = socket as { _httpMessage?: { headersSent: boolean } | null };
  // As Node has it: an answer that has begun must not have another one inside of it.
  if (!socket.writable || error.code === 'ECONNRESET' || answer?.headersSent) {
    socket.destroy();
    return;
  }
  const { status, code, detail } = REFUSALS[error.code ?? ''] ?? MALFORMED;
  const members = { type: 'about:blank', title: code, status: parseInt(status, 10), code, detail };
  const body = JSON.stringify(members);
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
    ...own.map(({ name, value }) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
