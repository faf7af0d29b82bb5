import { createHash } from 'node:crypto';

/**
 * The Content-Security-Policy of a page that may do nothing but what is said here (CSP 3), such as
 * `{ 'script-src': sourceOf(SCRIPT) }`.
 */
export function pagePolicy(allowed: Record<string, string>): string {
  const directives = { ...NOTHING, ...allowed };
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources}`)
    .join('; ');
}

const NOTHING = {
  'default-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** What lets a page's own inline script or style in, by its hash, and no other. */
export const sourceOf = (inline: string): string =>
  `'sha256-${createHash('sha256').update(inline).digest('base64')}'`;
