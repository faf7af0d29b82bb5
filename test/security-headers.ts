import * as assert from 'uvu/assert';

/** What every answer of the edge has that says nothing else of itself. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
  'permissions-policy':
    'geolocation=(self), camera=(), microphone=(), display-capture=(), payment=(), usb=(), ' +
    'serial=(), hid=(), midi=()',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Fails where one is missing, says something else than its own, or is there twice. */
export function assertGuarded(
  headers: Headers,
  what: string,
  own: Record<string, string | null> = {},
): void {
  const wanted = { ...SECURITY_HEADERS, ...own };
  const found = Object.keys(wanted).map((name) => [name, headers.get(name)]);
  assert.equal(Object.fromEntries(found), wanted, what);
}

/** What a page may do, by directive; of none that does not keep others from framing it. */
export function pagePolicyOf(headers: Headers, what: string): Map<string, string[]> {
  const policy = headers.get('content-security-policy');
  assert.ok(policy, `${what} says no policy`);
  const directives = policy.split(';').map((each) => each.trim().split(/\s+/));
  const byName = new Map(directives.map(([name, ...sources]) => [name!, sources]));
  assert.equal(byName.get('frame-ancestors'), ["'none'"], what);
  const scripts = byName.get('script-src') ?? byName.get('default-src') ?? [];
  assert.not.ok(
    scripts.some((each) => each.includes('unsafe')),
    `${what}: ${scripts.join(' ')}`,
  );
  return byName;
}
