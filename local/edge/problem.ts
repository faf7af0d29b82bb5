import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { pagePolicy, sourceOf } from '../../platform/content-policy.ts';

export type ProblemStatus = 405 | 408 | 502 | 503 | 504;

const PROBLEMS: Record<ProblemStatus, { code: string; detail: string }> = {
  405: { code: 'METHOD_NOT_ALLOWED', detail: 'This address does not take this method.' },
  408: {
    code: 'REQUEST_TIMEOUT',
    detail:
      'The body did not come in time. Repeat it as a whole, a command with the same Idempotency-Key.',
  },
  502: {
    code: 'ORIGIN_UNAVAILABLE',
    detail:
      'The service behind the edge is away. Repeat it, a command with the same Idempotency-Key.',
  },
  503: {
    code: 'EDGE_BUSY',
    detail: 'Too many requests wait for the service. Repeat it in a moment.',
  },
  504: {
    code: 'ORIGIN_TIMEOUT',
    detail:
      'The service did not answer in time; whether it did what was asked is unknown. ' +
      'Repeat it, a command with the same Idempotency-Key.',
  },
};

/** An answer of the edge itself: problem+json (RFC 9457), or a page where a person is waiting. */
export function answerProblem(
  request: IncomingMessage,
  response: ServerResponse,
  status: ProblemStatus,
  headers: OutgoingHttpHeaders,
): void {
  const { code, detail } = PROBLEMS[status];
  const forPeople = request.headers.accept?.includes('text/html') ?? false;
  response.writeHead(status, {
    ...headers,
    'Content-Type': forPeople ? 'text/html; charset=utf-8' : 'application/problem+json',
    'Cache-Control': 'no-store',
    'X-Cache': 'Error from cloudfront',
    ...(forPeople && { 'Content-Security-Policy': PAGE_POLICY }),
  });
  response.end(
    forPeople ? PAGE : JSON.stringify({ type: 'about:blank', title: code, status, code, detail }),
  );
}

const STYLE = `
  body { padding: 24px; background: #fffcf5; color: #1f1b16; font: 18px/1.6 system-ui, sans-serif; }
  h1 { font-size: 22px; }
`;
const PAGE_POLICY = pagePolicy({ 'style-src': sourceOf(STYLE) });

/** Loads again by itself until the shop is back. */
const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width" />
<meta http-equiv="refresh" content="2" />
<title>Back in a moment</title>
<style>${STYLE}</style>
<h1>The shop is back in a moment</h1>
<p>This page tries again by itself.</p>
`;
