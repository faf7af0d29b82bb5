import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lock } from './lock.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** As `vite build`, with Node's own flags in front. The configuration is web/vite.config.ts. */
const BUILD_COMMAND = ['node_modules/vite/bin/vite.js', 'build', 'web'];
/** What the built pages are made from. The others are there for the types and the rules. */
const SOURCES = [
  'package-lock.json',
  'domain',
  'engine',
  'projector',
  'read-api',
  'web',
  'wording',
];
const NOT_SOURCES = new Set(['build', 'node_modules', '.svelte-kit']);

const BUILD = join(ROOT, 'web/build');
const STAMP = join(BUILD, 'sources.sha256');
const LEASH = join(ROOT, 'local/leash.ts');

/**
 * Builds `web` unless the build that is there came from the same sources. Where several systems
 * start at once, one builds and the others wait for it.
 */
export async function buildWeb(logFile: string, say: (line: string) => void): Promise<void> {
  const sources = hashSources();
  if (builtFrom() === sources) return;
  const turn = await lock(join(ROOT, 'node_modules/.web-build.lock'));
  try {
    if (builtFrom() === sources) return;
    say('building the web pages …');
    const startedAt = Date.now();
    await runBuild(logFile);
    fs.writeFileSync(STAMP, sources);
    say(`built the web pages in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  } finally {
    turn.release();
  }
}

const builtFrom = (): string | undefined =>
  fs.existsSync(STAMP) ? fs.readFileSync(STAMP, 'utf8') : undefined;

function hashSources(): string {
  const hash = createHash('sha256');
  const add = (path: string) => {
    if (fs.statSync(join(ROOT, path)).isFile()) {
      hash.update(`${path}\n`).update(fs.readFileSync(join(ROOT, path)));
      return;
    }
    const names = fs.readdirSync(join(ROOT, path)).toSorted();
    for (const name of names) {
      if (!NOT_SOURCES.has(name) && !/\.test\.ts$|^\./.test(name)) add(`${path}/${name}`);
    }
  };
  for (const source of SOURCES) add(source);
  return hash.digest('hex');
}

async function runBuild(logFile: string): Promise<void> {
  const log = fs.openSync(logFile, 'w');
  const child = spawn(process.execPath, ['--import', LEASH, ...BUILD_COMMAND], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', log, log, 'ipc'],
  });
  fs.closeSync(log);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the web pages could not be built: see ${logFile}`);
}
