import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import { freePorts } from '../platform/free-port.ts';
import { PROCESSES, type ProcessName } from '../platform/system.ts';
import { STAND_INS, type StandInName } from './stand-ins.ts';

const DEFAULT_PORT = 8080;
const DEFAULT_DATA_DIR = '.data';
/** Events that code in the making wrote may be none that a release can read. */
const DEVELOPMENT_DATA_DIR = '.data-dev';
const SECRET_BYTES = 32;
/** Any id will do: the local edge answers CloudFront's API for this one. */
const DISTRIBUTION_ID = 'EDOORSTEPLOCAL';

export type Settings = {
  /** Whether this is `npm run dev`: rooms follow their source, and the pages come from Vite. */
  dev: boolean;
  /** Where people come in: the edge, or in development Vite, which has the edge behind it. */
  host: string;
  port: number;
  /** Where the edge listens. */
  edgePort: number;
  dataDir: string;
  /** The ports of what stands behind the edge: free ones, the same as long as this process runs. */
  ports: Record<Inner, number>;
  /** Whether somebody else runs the event store, which EVENT_STORE_URL names. */
  hasNamedStore: boolean;
  /** What the processes are given of, each its own; see platform/system.ts. Postgres's come later. */
  env: Record<string, string>;
};

/** Who has a port of this machine to itself; in development the edge as well, behind Vite. */
type Inner = ProcessName | StandInName | 'postgres';

const INNER = [...Object.keys(PROCESSES), ...Object.keys(STAND_INS), 'postgres'] as Inner[];

/** Reads PORT, HOST and DATA_DIR, and makes up the rest: free ports, and secrets that stay. */
export async function readSettings(
  environment: NodeJS.ProcessEnv,
  { dev = false } = {},
): Promise<Settings> {
  const port = Number(environment.PORT || DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`PORT is ${environment.PORT}: it must be a number from 1 to 65535`);
  }
  const host = environment.HOST || '127.0.0.1';
  const dataDir = resolve(environment.DATA_DIR || (dev ? DEVELOPMENT_DATA_DIR : DEFAULT_DATA_DIR));
  // Others may pass through: where root starts us, Postgres is another user. They may not list it.
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  fs.mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
  fs.mkdirSync(join(dataDir, 'events'), { recursive: true, mode: 0o700 });

  const free = await freePorts(INNER.length);
  const ports = Object.fromEntries(INNER.map((name, i) => [name, free[i]!])) as Settings['ports'];
  const edgePort = dev ? ports.edge : port;
  const env: Record<string, string> = variables(
    { host, port, edgePort, ports },
    readSecrets(dataDir),
  );
  if (environment.LOG_LEVEL) env.LOG_LEVEL = environment.LOG_LEVEL;
  const hasNamedStore = Boolean(environment.EVENT_STORE_URL);
  if (hasNamedStore) env.EVENT_STORE_URL = environment.EVENT_STORE_URL!;
  return { dev, host, port, edgePort, dataDir, ports, hasNamedStore, env };
}

function variables(
  { host, port, edgePort, ports }: Pick<Settings, 'host' | 'port' | 'edgePort' | 'ports'>,
  kept: Secrets,
) {
  const at = (inner: number) => `http://127.0.0.1:${inner}`;
  // Where the edge listens everywhere or nowhere in particular, we reach it on the loopback.
  const edgeHost = ['0.0.0.0', '::', 'localhost'].includes(host) ? '127.0.0.1' : host;
  return {
    ...kept,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PUBLIC_URL: `http://localhost:${port}`,
    // The supervisor starts it again when it has ended: it takes over from itself at once.
    REACTOR_ID: 'local',
    EVENT_STORE_URL: `esdb://127.0.0.1:${ports['event-store']}?tls=false`,
    READ_API_URL: at(ports['read-api']),
    REACTOR_URL: at(ports.reactor),
    RAZORPAY_URL: at(ports.razorpay),
    RAZORPAY_KEY_ID: 'rzp_test_local',
    ORIGIN_WEB: at(ports.web),
    ORIGIN_READ_API: at(ports['read-api']),
    ORIGIN_WRITE_API: at(ports['write-api']),
    CLOUDFRONT_ENDPOINT: `http://${edgeHost}:${edgePort}`,
    CLOUDFRONT_DISTRIBUTION_ID: DISTRIBUTION_ID,
    // A developer's own keys must never reach Amazon from here.
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: randomBytes(SECRET_BYTES).toString('base64url'),
    AWS_SECRET_ACCESS_KEY: 'local',
  };
}

const SECRETS = [
  'VAULT_SECRET',
  'SESSION_SECRETS',
  'STORE_PASS_SECRET',
  'QUOTE_SECRET',
  'RAZORPAY_KEY_SECRET',
  'RAZORPAY_WEBHOOK_SECRET',
  'UPI_WEBHOOK_SECRET',
  'DELIVERY_CODE_SECRET',
] as const;
type Secrets = Record<(typeof SECRETS)[number], string>;

/** Each is made once and kept: without them, names and addresses in the event log are unreadable. */
function readSecrets(dataDir: string): Secrets {
  const file = join(dataDir, 'secrets.json');
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '{}';
  const kept = JSON.parse(text) as Partial<Secrets>;
  if (SECRETS.every((name) => kept[name])) return kept as Secrets;
  const made = SECRETS.map((name) => [name, randomBytes(SECRET_BYTES).toString('base64url')]);
  const secrets = { ...(Object.fromEntries(made) as Secrets), ...kept };
  writePrivately(file, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

/** Writes a file that only we may read, whole or not at all. */
export function writePrivately(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  fs.renameSync(`${file}.new`, file);
}
