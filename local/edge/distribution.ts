import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import type {
  CacheBehavior,
  CachePolicyConfig,
  DefaultCacheBehavior,
  DistributionConfig,
  FunctionConfig,
  OriginRequestPolicyConfig,
  ResponseHeadersPolicyConfig,
  ResponseHeadersPolicySecurityHeadersConfig,
  ResponseHeadersPolicyStrictTransportSecurity,
} from '@aws-sdk/client-cloudfront';
import { compileViewerRequest } from './viewer-request.ts';
import type { KeyValues, ViewerRequest } from './viewer-request.ts';

/**
 * What `ops/edge/distribution.json` holds, all of it in CloudFront's own shapes. Where CloudFront
 * wants something that only exists once it is deployed, the file has a name: the `DomainName` of an
 * origin names the environment variable with its address, and a policy's id and a function's ARN
 * are the `Name` of the policy or function in the same file.
 */
type DistributionFile = {
  DistributionConfig: DistributionConfig;
  CachePolicies: CachePolicyConfig[];
  OriginRequestPolicies: OriginRequestPolicyConfig[];
  ResponseHeadersPolicies: ResponseHeadersPolicyConfig[];
  Functions: { Name: string; FunctionConfig: FunctionConfig; FunctionCode: string }[];
};

/** A header of every answer: in place of what the origin says, or only where it says nothing. */
export type PolicyHeader = { name: string; value: string; overrides: boolean };

/** How requests to some paths are treated; a cache behaviour with its policies resolved. */
export type Behaviour = {
  matches: (path: string) => boolean;
  originId: string;
  methods: Set<string>;
  /** Whether answers may be kept at all. */
  cached: boolean;
  minTtlMs: number;
  defaultTtlMs: number;
  maxTtlMs: number;
  compress: boolean;
  /** What makes two requests to the same path different. Header names are in lower case. */
  key: { queries: Set<string>; headers: string[] };
  /** Whether the origin gets everything that the viewer sent, or only what is in the key. */
  forwardsAll: boolean;
  /** What every answer has, whoever gives it. */
  responseHeaders: readonly PolicyHeader[];
  viewerRequest: ViewerRequest | undefined;
};

export type DistributionOrigin = {
  id: string;
  /** The environment variable that holds its address. */
  variable: string;
  connectTimeoutMs: number;
  /** To the head of an answer, and between two parts of its body. */
  readTimeoutMs: number;
};

export type Distribution = {
  origins: DistributionOrigin[];
  /** The first that matches counts; the last one matches everything. */
  behaviours: Behaviour[];
  /** The name of the header with an answer's tags, in lower case. */
  tagHeader: string | undefined;
};

/**
 * Reads and checks the file. What CloudFront can do and this edge cannot is refused here. Functions
 * are given what CloudFront keeps in its KeyValueStore.
 */
export function readDistribution(file: string, keyValues: KeyValues = {}): Distribution {
  const whole = JSON.parse(fs.readFileSync(file, 'utf8')) as DistributionFile;
  const config = whole.DistributionConfig;
  const functions = new Map(
    whole.Functions.map(({ Name, FunctionCode }) => {
      const codeFile = join(dirname(file), FunctionCode);
      const code = fs.readFileSync(codeFile, 'utf8');
      return [Name, compileViewerRequest(code, codeFile, keyValues)];
    }),
  );
  const resolve = (
    behaviour: DefaultCacheBehavior | CacheBehavior,
    pattern: string,
  ): Behaviour => ({
    matches: pathMatcher(pattern),
    originId: behaviour.TargetOriginId!,
    methods: new Set(behaviour.AllowedMethods?.Items ?? ['GET', 'HEAD']),
    compress: behaviour.Compress ?? false,
    ...resolveCachePolicy(named(whole.CachePolicies, behaviour.CachePolicyId)),
    forwardsAll: forwardsAll(named(whole.OriginRequestPolicies, behaviour.OriginRequestPolicyId)),
    responseHeaders: resolveResponseHeaders(
      named(whole.ResponseHeadersPolicies, behaviour.ResponseHeadersPolicyId),
    ),
    viewerRequest: resolveFunction(behaviour, functions),
  });
  return {
    origins: (config.Origins?.Items ?? []).map((origin) => ({
      id: origin.Id!,
      variable: origin.DomainName!,
      connectTimeoutMs: (origin.ConnectionTimeout ?? 10) * 1000,
      readTimeoutMs: (origin.CustomOriginConfig?.OriginReadTimeout ?? 30) * 1000,
    })),
    behaviours: [
      ...(config.CacheBehaviors?.Items ?? []).map((each) => resolve(each, each.PathPattern!)),
      resolve(config.DefaultCacheBehavior!, '*'),
    ],
    tagHeader: config.CacheTagConfig?.HeaderName?.toLowerCase(),
  };
}

function resolveCachePolicy(policy: CachePolicyConfig) {
  const parameters = policy.ParametersInCacheKeyAndForwardedToOrigin!;
  const { QueryStringBehavior, QueryStrings } = parameters.QueryStringsConfig!;
  const { HeaderBehavior, Headers } = parameters.HeadersConfig!;
  support(policy.Name, parameters.CookiesConfig?.CookieBehavior, 'none');
  support(policy.Name, QueryStringBehavior, 'none', 'whitelist');
  support(policy.Name, HeaderBehavior, 'none', 'whitelist');
  return {
    cached: (policy.MaxTTL ?? 0) > 0,
    minTtlMs: (policy.MinTTL ?? 0) * 1000,
    defaultTtlMs: (policy.DefaultTTL ?? 0) * 1000,
    maxTtlMs: (policy.MaxTTL ?? 0) * 1000,
    key: {
      queries: new Set(QueryStrings?.Items),
      headers: (Headers?.Items ?? []).map((name) => name.toLowerCase()),
    },
  };
}

function forwardsAll(policy: OriginRequestPolicyConfig): boolean {
  const { Name, HeadersConfig, CookiesConfig, QueryStringsConfig } = policy;
  support(Name, HeadersConfig?.HeaderBehavior, 'none', 'allExcept');
  const all = HeadersConfig?.HeaderBehavior === 'allExcept';
  support(Name, HeadersConfig?.Headers?.Items?.join(), all ? 'Host' : '');
  support(Name, CookiesConfig?.CookieBehavior, all ? 'all' : 'none');
  support(Name, QueryStringsConfig?.QueryStringBehavior, all ? 'all' : 'none');
  return all;
}

function resolveResponseHeaders(policy: ResponseHeadersPolicyConfig): PolicyHeader[] {
  const { Name, SecurityHeadersConfig, CustomHeadersConfig } = policy;
  for (const part of Object.keys(policy)) {
    support(Name, part, 'Name', 'Comment', 'SecurityHeadersConfig', 'CustomHeadersConfig');
  }
  return [
    ...securityHeaders(Name, SecurityHeadersConfig ?? {}),
    ...(CustomHeadersConfig?.Items ?? []).map(({ Header, Value, Override }) => ({
      name: Header!,
      value: Value!,
      overrides: Override!,
    })),
  ];
}

function securityHeaders(
  where: string | undefined,
  config: ResponseHeadersPolicySecurityHeadersConfig,
): PolicyHeader[] {
  const {
    ContentSecurityPolicy: content,
    ContentTypeOptions: type,
    ReferrerPolicy: referrer,
    StrictTransportSecurity: transport,
    ...others
  } = config;
  const [unknown] = Object.keys(others);
  if (unknown) throw new Error(`${where}: the local edge sets no ${unknown}`);
  const header = (
    name: string,
    part: { Override: boolean | undefined } | undefined,
    value?: string,
  ) => (part ? [{ name, value: value!, overrides: part.Override! }] : []);
  return [
    ...header('Content-Security-Policy', content, content?.ContentSecurityPolicy),
    ...header('X-Content-Type-Options', type, 'nosniff'),
    ...header('Referrer-Policy', referrer, referrer?.ReferrerPolicy),
    // Sent over plain HTTP as well, where viewers take no notice of it (RFC 6797, 8.1).
    ...header('Strict-Transport-Security', transport, transport && transportValue(transport)),
  ];
}

function transportValue(transport: ResponseHeadersPolicyStrictTransportSecurity): string {
  const { AccessControlMaxAgeSec, IncludeSubdomains, Preload } = transport;
  const subdomains = IncludeSubdomains ? '; includeSubDomains' : '';
  return `max-age=${AccessControlMaxAgeSec}${subdomains}${Preload ? '; preload' : ''}`;
}

function resolveFunction(
  behaviour: DefaultCacheBehavior | CacheBehavior,
  functions: Map<string, ViewerRequest>,
): ViewerRequest | undefined {
  const [association, ...more] = behaviour.FunctionAssociations?.Items ?? [];
  if (!association) return undefined;
  support(
    'FunctionAssociations',
    `${association.EventType} and ${more.length} more`,
    'viewer-request and 0 more',
  );
  const found = functions.get(association.FunctionARN!);
  if (!found) throw new Error(`The distribution has no function ${association.FunctionARN}`);
  return found;
}

function named<Policy extends { Name: string | undefined }>(
  policies: Policy[],
  name: string | undefined,
): Policy {
  const found = policies.find((policy) => policy.Name === name);
  if (!found) throw new Error(`The distribution has no policy ${name}`);
  return found;
}

function support(where: string | undefined, value: string | undefined, ...known: string[]): void {
  if (value === undefined || known.includes(value)) return;
  throw new Error(`${where}: the local edge knows ${known.join(', ')}, not ${value}`);
}

/** CloudFront's path patterns: `*` is any number of any characters, `?` is exactly one. */
function pathMatcher(pattern: string): (path: string) => boolean {
  const prefix = pattern.slice(0, -1);
  if (pattern.endsWith('*') && !/[*?]/.test(prefix)) return (path) => path.startsWith(prefix);
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`, 's');
  return (path) => expression.test(path);
}
