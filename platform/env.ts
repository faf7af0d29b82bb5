/** What a variable must look like, and how to say so when it does not. */
type Rule = { pattern: RegExp; hint: string; fallback?: string };

const HTTP_URL = /^https?:\/\/[^\s/]+(?::\d+)?\/?$/;
const POSTGRES_URL = /^postgres(?:ql)?:\/\/\S+$/;

/** Every environment variable; platform/system.ts says which process reads which. */
const RULES = {
  HOST: { pattern: /^\S+$/, hint: 'the address to listen on', fallback: '127.0.0.1' },
  PORT: { pattern: /^\d{1,5}$/, hint: 'the TCP port to listen on, 0 for any free one' },
  LOG_LEVEL: {
    pattern: /^(?:trace|debug|info|warn|error|fatal|silent)$/,
    hint: 'trace, debug, info, warn, error, fatal or silent',
    fallback: 'info',
  },
  EVENT_STORE_URL: { pattern: /^esdb(?:\+discover)?:\/\/\S+$/, hint: 'esdb://host:2113?tls=false' },
  DATABASE_URL: { pattern: POSTGRES_URL, hint: 'postgres://… of the read models (disposable)' },
  VAULT_URL: { pattern: POSTGRES_URL, hint: 'postgres://… of the keys of personal data' },
  VAULT_SECRET: { pattern: /^\S{32,}$/, hint: '32 or more random characters: wraps those keys' },
  QUOTE_SECRET: { pattern: /^\S{32,}$/, hint: '32 or more random characters: signs quotes' },
  DELIVERY_CODE_SECRET: {
    pattern: /^\S{32,}$/,
    hint: '32 or more random characters: makes the codes that are told at the door',
  },
  SESSION_SECRETS: {
    pattern: /^[\w-]{32,}(?:,[\w-]{32,})*$/,
    hint: '32 or more random characters: sign sessions; the newest first where commas part several',
  },
  STORE_PASS_SECRET: { pattern: /^\S{32,}$/, hint: '32 or more random characters' },
  RAZORPAY_URL: {
    pattern: HTTP_URL,
    hint: "where Razorpay's API answers",
    fallback: 'https://api.razorpay.com',
  },
  RAZORPAY_KEY_ID: {
    pattern: /^\S*$/,
    hint: 'of the account that takes cards and UPI; empty where there is none',
    fallback: '',
  },
  RAZORPAY_KEY_SECRET: { pattern: /^\S*$/, hint: 'of that key', fallback: '' },
  RAZORPAY_WEBHOOK_SECRET: {
    pattern: /^\S*$/,
    hint: 'under which its webhooks are signed; Razorpay asks for it where they are set up',
    fallback: '',
  },
  UPI_WEBHOOK_SECRET: {
    pattern: /^(?:\S{32,})?$/,
    hint: '32 or more random characters under which notices of UPI payments are signed; or empty',
    fallback: '',
  },
  REACTOR_ID: {
    pattern: /^[\w.-]*$/,
    hint: "names the one of several reactors; the host's name where it is empty",
    fallback: '',
  },
  REACTOR_URL: { pattern: HTTP_URL, hint: 'http://host:port of the reactor' },
  READ_API_URL: { pattern: HTTP_URL, hint: 'http://host:port of read-api' },
  PUBLIC_URL: { pattern: HTTP_URL, hint: 'the address that people type, https://shop.example' },
  CLOUDFRONT_DISTRIBUTION_ID: {
    pattern: /^\w*$/,
    hint: 'the distribution to purge; empty where no cache stands in front',
    fallback: '',
  },
  CLOUDFRONT_ENDPOINT: {
    pattern: /^(?:https?:\/\/\S+)?$/,
    hint: "where CloudFront's API answers; empty for Amazon's own",
    fallback: '',
  },
  AWS_ACCESS_KEY_ID: {
    pattern: /^\S+$/,
    hint: "the AWS SDK's own; at the local edge, the key id of whoever may purge it",
  },
  ORIGIN_WEB: { pattern: HTTP_URL, hint: 'http://host:port of web' },
  ORIGIN_READ_API: { pattern: HTTP_URL, hint: 'http://host:port of read-api' },
  ORIGIN_WRITE_API: { pattern: HTTP_URL, hint: 'http://host:port of write-api' },
  ELASTICSEARCH_URL: {
    pattern: HTTP_URL,
    hint: 'http://user:password@host:9200, where `ops ship-logs` sends the logs',
  },
} satisfies Record<string, Rule>;

export type VariableName = keyof typeof RULES;

/**
 * EventStoreDB takes each variable that begins with EVENTSTORE_ for an option of its own, and does not
 * start with one that it does not know.
 */
const FORMER_NAMES: { [Name in VariableName]?: string } = { EVENT_STORE_URL: 'EVENTSTORE_URL' };

/** Says so where a variable is set under a name that it had in an earlier release. */
function formerly(name: VariableName): string {
  const former = FORMER_NAMES[name];
  return former && process.env[former] ? ` (${former} is its former name)` : '';
}

/** Whether a variable is meant for a process of ours, or for the AWS SDK in it. */
export const isVariable = (name: string): boolean => name in RULES || name.startsWith('AWS_');

/** Whether a process starts without this variable. */
export const hasFallback = (name: VariableName): boolean => 'fallback' in RULES[name];

/**
 * The named variables of this process, validated. Throws one error that lists everything that is
 * missing or wrong and what is right, so that a process never starts half configured.
 */
export function environment<Name extends VariableName>(...names: Name[]): Record<Name, string> {
  const wrong: string[] = [];
  const values = names.map((name) => {
    const rule: Rule = RULES[name];
    const value = process.env[name] ?? rule.fallback;
    // The value itself may be a secret, so it is not repeated.
    if (value === undefined) wrong.push(`${name} is not set${formerly(name)}: ${rule.hint}`);
    else if (!rule.pattern.test(value)) wrong.push(`${name} is not valid: ${rule.hint}`);
    return [name, value ?? ''] as const;
  });
  if (wrong.length > 0) throw new Error(`Environment:\n  ${wrong.join('\n  ')}`);
  return Object.fromEntries(values) as Record<Name, string>;
}
