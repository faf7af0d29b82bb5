import { join } from 'node:path';
import { watchedService } from './dev.ts';
import { startPostgres } from './postgres.ts';
import { accepting, healthy, nodeService } from './service.ts';
import type { NodeProcess } from './service.ts';
import type { Settings } from './settings.ts';
import type { Running, Service } from './supervisor.ts';
import { buildWeb } from './web-build.ts';

/** Everything that runs on one machine, and who needs whom. Written in the order of the picture. */
export function services(settings: Settings, say: (line: string) => void): Service[] {
  const { dataDir, ports, env } = settings;
  const logFile = (name: string) => logFileOf(settings, name);
  const room = (
    name: string,
    port: number,
    rest: Pick<NodeProcess, 'entry' | 'needs' | 'heapMiB'> & Partial<NodeProcess>,
  ): Service => {
    const options = {
      name,
      logFile: logFile(name),
      ready: () => healthy(port),
      ...rest,
      // Looked up at each launch: the databases' addresses are known when Postgres runs.
      env: () => ({ ...env, PORT: `${port}`, ...rest.env?.() }),
    };
    return settings.dev ? watchedService(options, say) : nodeService(options);
  };

  const builtWeb = room('web', ports.web, {
    entry: 'web/build/index.js',
    needs: [],
    heapMiB: 256,
    prepare: () => buildWeb(logFile('web-build'), say),
    // The edge says how people reached it; Kit compares that with a form's origin.
    env: () => ({ PROTOCOL_HEADER: 'x-forwarded-proto', HOST_HEADER: 'x-forwarded-host' }),
  });

  return [
    room('edge', settings.edgePort, {
      entry: 'local/edge.ts',
      // It opens last and closes first, so that nobody is let in before there is somebody to serve.
      needs: ['read-api', 'write-api', ...(settings.dev ? [] : ['web'])],
      heapMiB: 256,
      env: () => ({ HOST: settings.host }),
      ready: () => healthy(settings.edgePort, new URL(env.CLOUDFRONT_ENDPOINT!).hostname),
    }),
    settings.dev ? viteService(settings) : builtWeb,
    room('read-api', ports.readApi, {
      entry: 'read-api/main.ts',
      needs: ['postgres'],
      heapMiB: 384,
    }),
    room('write-api', ports.writeApi, {
      entry: 'write-api/main.ts',
      needs: ['event-store', 'postgres'],
      heapMiB: 512,
    }),
    room('projector', ports.projector, {
      entry: 'projector/main.ts',
      needs: ['event-store', 'postgres'],
      heapMiB: 512,
    }),
    room('razorpay', ports.razorpay, {
      entry: 'local/razorpay/main.ts',
      needs: [],
      heapMiB: 128,
      env: () => ({ DATA_DIR: dataDir }),
    }),
    room('event-store', ports.eventStore, {
      entry: 'event-store/main.ts',
      needs: [],
      heapMiB: 384,
      env: () => ({ DATA_DIR: join(dataDir, 'events') }),
      ready: () => accepting(ports.eventStore),
    }),
    postgresService(settings),
  ];
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
    env: () => ({ ...env, NODE_ENV: 'development' }),
    heapMiB: 1_024,
    logFile: logFileOf(settings, 'web'),
    ready: () => healthy(port, new URL(env.CLOUDFRONT_ENDPOINT!).hostname),
  });
}

/** Where a service writes what it has to say. */
export const logFileOf = (settings: Settings, name: string): string =>
  join(settings.dataDir, 'logs', `${name}.log`);

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
