import { join } from 'node:path';
import {
  PROCESSES,
  processOf,
  variablesOf,
  type ProcessName,
  type ServerName,
} from '../platform/system.ts';
import { watchedService } from './dev.ts';
import { startPostgres } from './postgres.ts';
import { accepting, healthy, nodeService } from './service.ts';
import type { Settings } from './settings.ts';
import { STAND_INS } from './stand-ins.ts';
import type { StandInName } from './stand-ins.ts';
import type { Running, Service } from './supervisor.ts';
import { buildWeb } from './web-build.ts';

/**
 * Everything that runs on one machine, and who needs whom: each process of the system once, and what
 * takes the place of the servers that they need. `store` is the event store, ours unless said.
 */
export function services(
  settings: Settings,
  say: (line: string) => void,
  store: Service = eventStoreService(settings),
): Service[] {
  const names = Object.keys(PROCESSES) as ProcessName[];
  return [
    ...names.map((name) =>
      name === 'web' && settings.dev ? viteService(settings) : processService(name, settings, say),
    ),
    standInService('razorpay', settings.dataDir, settings),
    store,
    postgresService(settings),
  ];
}

/** Where a service writes what it has to say. */
export const logFileOf = (settings: Settings, name: string): string =>
  join(settings.dataDir, 'logs', `${name}.log`);

function processService(
  name: ProcessName,
  settings: Settings,
  say: (line: string) => void,
): Service {
  const { entry, needs, heapMiB } = processOf(name);
  const ready =
    name === 'edge'
      ? () => healthy(settings.edgePort, new URL(settings.env.CLOUDFRONT_ENDPOINT!).hostname)
      : () => healthy(settings.ports[name]);
  const prepare = () => buildWeb(logFileOf(settings, 'web-build'), say);
  const options = {
    name,
    entry,
    heapMiB,
    ready,
    needs: needs.filter((need) => !(settings.dev && need === 'web')).map(serviceOf),
    logFile: logFileOf(settings, name),
    ...(name === 'web' && { prepare }),
    // Looked up at each launch: the databases' addresses are known when Postgres runs.
    env: () => processEnvironment(name, settings),
  };
  return settings.dev ? watchedService(options, say) : nodeService(options);
}

/**
 * The pages as Vite makes them from their source, with hot replacement, where people come in. It has
 * the edge behind it, not before it: nothing may keep a page that is being worked on.
 */
function viteService(settings: Settings): Service {
  const { host, port, env } = settings;
  return nodeService({
    name: 'web',
    needs: ['edge'],
    entry: 'node_modules/vite/bin/vite.js',
    args: ['dev', 'web', '--host', host, '--port', `${port}`, '--strictPort'],
    env: () => ({
      ...processEnvironment('web', settings),
      // Where web/vite.config.ts hands on what is asked of the APIs.
      CLOUDFRONT_ENDPOINT: env.CLOUDFRONT_ENDPOINT!,
      NODE_ENV: 'development',
    }),
    heapMiB: 1_024,
    logFile: logFileOf(settings, 'web'),
    ready: () => healthy(port, new URL(env.CLOUDFRONT_ENDPOINT!).hostname),
  });
}

/** Which service answers for a process or a server: one Postgres has both databases. */
const serviceOf = (need: ProcessName | ServerName): string =>
  need === 'vault' ? 'postgres' : need;

/** What a process of the system is given, and nothing else: each secret to those who use it. */
export function processEnvironment(name: ProcessName, settings: Settings): Record<string, string> {
  const { host, edgePort, ports, env } = settings;
  const given = { ...env, ...processOf(name).constants };
  if (name !== 'edge') return only(variablesOf(name), { ...given, PORT: `${ports[name]}` });
  return only(variablesOf(name), { ...given, HOST: host, PORT: `${edgePort}` });
}

/** Of variables those of these names, and how Node runs. */
const only = (names: readonly string[], env: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => name === 'NODE_ENV' || names.includes(name)),
  );

/** `dir` is where it keeps what it has to keep. */
function standInService(name: StandInName, dir: string, settings: Settings): Service {
  const { entry, variables, heapMiB } = STAND_INS[name];
  const port = settings.ports[name];
  const given = { ...settings.env, PORT: `${port}` };
  const env = { ...only(variables, given), DATA_DIR: dir };
  const ready = () => healthy(port);
  return nodeService({
    name,
    entry,
    heapMiB,
    ready,
    needs: [],
    logFile: logFileOf(settings, name),
    env: () => env,
  });
}

function eventStoreService(settings: Settings): Service {
  return {
    ...standInService('event-store', join(settings.dataDir, 'events'), settings),
    ready: () => accepting(settings.ports['event-store']),
  };
}

/** Postgres with its two databases. It fills in DATABASE_URL and VAULT_URL for those who need it. */
function postgresService(settings: Settings): Service {
  return {
    name: 'postgres',
    needs: [],
    async launch(): Promise<Running> {
      const postgres = await startPostgres({
        dir: join(settings.dataDir, 'postgres'),
        port: settings.ports.postgres,
        logFile: logFileOf(settings, 'postgres'),
      });
      settings.env.DATABASE_URL = await postgres.createDatabase('doorstep');
      settings.env.VAULT_URL = await postgres.createDatabase('doorstep_vault');
      return postgres;
    },
    // It is launched when it takes sessions.
    ready: async () => true,
  };
}
