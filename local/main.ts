import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as fs from 'node:fs';
import { sign } from '../platform/signature.ts';
import { seedDemo } from './demo.ts';
import type { DemoStore } from './demo.ts';
import { lockHolder, tryLock } from './lock.ts';
import { boundLogs, lastLines } from './service.ts';
import { namedStore } from './named-store.ts';
import { readSettings, writePrivately } from './settings.ts';
import type { Settings } from './settings.ts';
import { ServiceFailed, supervise } from './supervisor.ts';
import { logFileOf, services } from './system.ts';

const LOG_CHECK_MS = 30_000;
const SAME_PRESS_MS = 1_000;

const USAGE = `usage: npm start [-- --no-demo]

Runs the whole shop on this machine. Environment: PORT (8080), HOST (127.0.0.1), DATA_DIR (.data),
EVENT_STORE_URL (esdb://… of an EventStoreDB that keeps the events, in place of our own event store).

  --no-demo   begin with an empty system instead of six demo shops
  --dev       what \`npm run dev\` adds: a room starts anew when a file that it has loaded changes,
              the pages come from Vite as they are written, and the data is kept in .data-dev
`;

const say = (line: string): void => console.log(`  ${line}`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'no-demo': { type: 'boolean' },
      dev: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return console.log(USAGE);

  const startedAt = Date.now();
  const settings = await readSettings(process.env, { dev: values.dev });
  const lock = takeDataDir(settings);
  await assertPortIsFree(settings);

  const named = settings.hasNamedStore ? namedStore(settings.env.EVENT_STORE_URL!) : undefined;
  const all = services(settings, say, named);
  const logs = all.map(({ name }) => logFileOf(settings, name));
  boundLogs(logs);
  setInterval(boundLogs, LOG_CHECK_MS, logs).unref();
  const supervisor = supervise(all, say);
  const stop = async () => {
    await supervisor.stop();
    fs.rmSync(environmentFile(settings), { force: true });
    lock.release();
  };
  const stopped = stopOnSignal(stop);

  console.log('Doorstep Groceries is starting …');
  try {
    await supervisor.start();
    writeEnvironment(settings);
    // Nobody wants demo shops in a log that has events already.
    const isDemo = !values['no-demo'] && (named?.wasEmpty() ?? true);
    const stores = isDemo || hasDemo(settings) ? await demoStores(settings) : [];
    console.log(welcome(settings, stores, Date.now() - startedAt));
  } catch (error) {
    if (stopped.asked) return;
    await stop();
    if (error instanceof ServiceFailed) {
      console.error(`\n${lastLines(logFileOf(settings, error.service))}`);
    }
    throw error;
  }
}

/** One system for one folder: two would write over each other. */
function takeDataDir({ dataDir }: Settings) {
  const file = join(dataDir, 'lock');
  const lock = tryLock(file);
  if (lock) return lock;
  throw new Error(
    `Doorstep already runs with the data in ${dataDir} (process ${lockHolder(file)}). ` +
      'Stop it first, or set DATA_DIR and PORT to run a second one.',
  );
}

async function assertPortIsFree({ host, port }: Settings): Promise<void> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EADDRINUSE') throw error;
    const advice = `Set PORT to run on another: PORT=${port + 1} npm start`;
    throw new Error(`Port ${port} is taken by another program. ${advice}`, { cause: error });
  } finally {
    server.close();
  }
}

/** Runs `stop` once when somebody presses Ctrl-C or sends SIGTERM; the next time ends at once. */
function stopOnSignal(stop: () => Promise<void>): { asked: boolean } {
  const state = { asked: false };
  let askedAt = 0;
  const onSignal = () => {
    if (state.asked) {
      // One Ctrl-C may come twice, from the terminal and from npm.
      if (Date.now() - askedAt > SAME_PRESS_MS) process.exit(1);
      return;
    }
    state.asked = true;
    askedAt = Date.now();
    console.log('\nDoorstep is stopping …');
    void stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  return state;
}

const environmentFile = ({ dataDir }: Settings): string => join(dataDir, 'doorstep.env');

/** What `npm run ops` and others need to work with the running system. */
function writeEnvironment(settings: Settings): void {
  const all = { ...settings.env, PORT: `${settings.port}`, DATA_DIR: settings.dataDir };
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\n`);
  writePrivately(environmentFile(settings), lines.join(''));
}

const demoFile = ({ dataDir }: Settings): string => join(dataDir, 'demo.json');

const hasDemo = (settings: Settings): boolean => fs.existsSync(demoFile(settings));

/** The demo's shops; they are made when this folder has none yet. */
async function demoStores(settings: Settings): Promise<DemoStore[]> {
  const marker = demoFile(settings);
  if (hasDemo(settings)) return JSON.parse(fs.readFileSync(marker, 'utf8')) as DemoStore[];
  say('filling six demo shops …');
  const { CLOUDFRONT_ENDPOINT: url, STORE_PASS_SECRET: secret } = settings.env;
  const stores = await seedDemo(url!, secret!);
  writePrivately(marker, `${JSON.stringify(stores, null, 2)}\n`);
  return stores;
}

/** Without who signs in there. */
const addressOf = (url: string): string => url.replace(/\/\/[^/]*@/, '//');

function welcome(settings: Settings, stores: DemoStore[], tookMs: number): string {
  const { PUBLIC_URL: url, STORE_PASS_SECRET: secret } = settings.env;
  const rows = [
    ['Shop', url!],
    ['APIs', `${url}/api/read/openapi.json`],
    ['', `${url}/api/write/openapi.json`],
    ['Data', settings.dataDir],
    ...(settings.hasNamedStore ? [['Events', addressOf(settings.env.EVENT_STORE_URL!)]] : []),
    ['Logs', join(settings.dataDir, 'logs')],
  ];
  const shops = stores.flatMap(({ storeId, name, city, pincode }) => [
    ['', ''],
    [name, `${url}/stores/${storeId}`],
    [`${city} ${pincode}`, `${url}/console/${storeId}#pass=${sign(secret!, storeId)}`],
  ]);
  if (shops.length > 0) shops.unshift(['', ''], ['Demo shops', 'storefront, and its order board']);
  const all = [...rows, ...shops];
  const width = Math.max(...all.map(([left]) => left!.length)) + 2;
  const table = all.map(([left, right]) => `  ${left!.padEnd(width)}${right}`.trimEnd()).join('\n');
  const note = LOOPBACK.has(settings.host) ? '' : `\n${NEEDS_HTTPS}\n`;
  return `\nDoorstep Groceries is open, after ${(tookMs / 1000).toFixed(1)} s. Ctrl-C closes it.\n\n${table}\n${note}`;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const NEEDS_HTTPS = `On other devices people can look around, and order over https only: browsers keep no session that
comes by plain http. Put a proxy with a certificate in front of this address.`;

main().catch((error: unknown) => {
  console.error(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
