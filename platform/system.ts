/**
 * The running system in one place: its processes, and what each has to be given. `local` starts them
 * on one machine, docker-compose.yml as containers (ops/compose.test.ts holds it to this), and a
 * fleet as instances, one process each. Of each there may be any number.
 */
import { environment, type VariableName } from './env.ts';

/** Where a process listens that has a machine or a container to itself. */
export const PORT = 8080;
/** Answers `GET` with 200 as long as a process runs: it asks nothing of others. */
export const LIVE_PATH = '/livez';
/** Answers `GET` with 200 while a process can do its work, and with 503 while it cannot. */
export const READY_PATH = '/readyz';

/** The servers that are not ours, and the variable that says where each is. */
export const SERVERS = {
  'event-store': 'EVENT_STORE_URL',
  postgres: 'DATABASE_URL',
  vault: 'VAULT_URL',
} as const satisfies Record<string, VariableName>;

export type ServerName = keyof typeof SERVERS;
export type ProcessName = 'edge' | 'web' | 'read-api' | 'write-api' | 'reactor' | 'projector';

export type Process = {
  /** The module that Node runs, from the root of the repository. */
  entry: string;
  /** Who has to serve before it is started, and goes on until it has ended. */
  needs: readonly (ProcessName | ServerName)[];
  /** Exactly the variables that it reads: a secret is known to those who use it. */
  variables: readonly VariableName[];
  /** Of the AWS SDK, which looks for them itself; where there is a role, none is set. */
  sdkVariables?: readonly string[];
  /** What it is given everywhere alike. */
  constants?: Readonly<Record<string, string>>;
  /** The variables in which others are told its address; empty where nobody asks it anything. */
  address: readonly VariableName[];
  /** The most that Node's heap may take; the whole process takes about 100 MiB more. */
  heapMiB: number;
};

const SERVING = ['HOST', 'PORT', 'LOG_LEVEL'] as const;

/** In the order of the picture, from people to the log and back. */
export const PROCESSES = {
  edge: {
    entry: 'local/edge.ts',
    // It opens last and closes first, so that nobody is let in before there is somebody to serve.
    needs: ['web', 'read-api', 'write-api'],
    variables: [
      ...SERVING,
      'PUBLIC_URL',
      'SESSION_SECRETS',
      'CLOUDFRONT_DISTRIBUTION_ID',
      'AWS_ACCESS_KEY_ID',
      'ORIGIN_WEB',
      'ORIGIN_READ_API',
      'ORIGIN_WRITE_API',
    ],
    address: ['PUBLIC_URL'],
    heapMiB: 256,
  },
  web: {
    entry: 'web/build/index.js',
    needs: [],
    // web/src/env.ts says how the addresses look.
    variables: ['HOST', 'PORT', 'READ_API_URL', 'PUBLIC_URL'],
    // The edge says how people reached it; Kit compares that with a form's origin.
    constants: { PROTOCOL_HEADER: 'x-forwarded-proto', HOST_HEADER: 'x-forwarded-host' },
    address: ['ORIGIN_WEB'],
    heapMiB: 256,
  },
  'read-api': {
    entry: 'read-api/main.ts',
    needs: ['postgres', 'vault'],
    variables: [
      ...SERVING,
      'DATABASE_URL',
      'VAULT_URL',
      'VAULT_SECRET',
      'SESSION_SECRETS',
      'STORE_PASS_SECRET',
      'DELIVERY_CODE_SECRET',
    ],
    address: ['READ_API_URL', 'ORIGIN_READ_API'],
    heapMiB: 384,
  },
  'write-api': {
    entry: 'write-api/main.ts',
    needs: ['event-store', 'vault'],
    variables: [
      ...SERVING,
      'EVENT_STORE_URL',
      'VAULT_URL',
      'VAULT_SECRET',
      'QUOTE_SECRET',
      'SESSION_SECRETS',
      'STORE_PASS_SECRET',
      'DELIVERY_CODE_SECRET',
      'PUBLIC_URL',
      'RAZORPAY_URL',
      'RAZORPAY_KEY_ID',
      'RAZORPAY_KEY_SECRET',
      'RAZORPAY_WEBHOOK_SECRET',
      'UPI_WEBHOOK_SECRET',
      'READ_API_URL',
    ],
    address: ['ORIGIN_WRITE_API'],
    heapMiB: 512,
  },
  reactor: {
    // One works and the others wait: a lease says who.
    entry: 'write-api/reactor/main.ts',
    needs: ['event-store'],
    variables: [
      ...SERVING,
      'REACTOR_ID',
      'EVENT_STORE_URL',
      'RAZORPAY_URL',
      'RAZORPAY_KEY_ID',
      'RAZORPAY_KEY_SECRET',
    ],
    address: ['REACTOR_URL'],
    heapMiB: 384,
  },
  projector: {
    entry: 'projector/main.ts',
    needs: ['event-store', 'postgres'],
    variables: [
      ...SERVING,
      'EVENT_STORE_URL',
      'DATABASE_URL',
      'CLOUDFRONT_DISTRIBUTION_ID',
      'CLOUDFRONT_ENDPOINT',
    ],
    sdkVariables: ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    address: [],
    heapMiB: 512,
  },
} as const satisfies Record<ProcessName, Process>;

type VariableOf<Name extends ProcessName> = (typeof PROCESSES)[Name]['variables'][number];

/** The variables of a process, validated: see `environment`. */
export const environmentOf = <Name extends ProcessName>(
  name: Name,
): Record<VariableOf<Name>, string> =>
  environment(...(PROCESSES[name].variables as readonly VariableOf<Name>[]));

/** The process of this name, without what only this one has. */
export const processOf = (name: ProcessName): Process => PROCESSES[name];

/** The names of the variables that a process is given, constants included. */
export function variablesOf(name: ProcessName): string[] {
  const { variables, sdkVariables = [], constants = {} } = processOf(name);
  return [...variables, ...sdkVariables, ...Object.keys(constants)];
}
