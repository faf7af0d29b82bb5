import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lastLines, launchNode } from './service.ts';
import type { NodeProcess } from './service.ts';
import type { Running, Service } from './supervisor.ts';

const REPORT = fileURLToPath(new URL('report.ts', import.meta.url));
/** An editor writes a file in several goes. */
const SETTLED_MS = 50;
const READY_POLL_MS = 25;

/**
 * A service that is started anew whenever a file that it has loaded changes. One that ends by itself
 * waits for the next change: until then it would only end again. `say` hears of both.
 *
 * It is killed, not asked: a room takes a second to drain, and may be killed at any moment anyway.
 */
export function watchedService(options: NodeProcess, say: (line: string) => void): Service {
  const { name, needs, ready } = options;
  return {
    name,
    needs,
    ready,
    async launch(): Promise<Running> {
      const loaded = new LoadedFiles();
      const stopping = new AbortController();
      const exited = liveOnAndOn(options, loaded, stopping.signal, say);
      return {
        exited,
        async stop() {
          stopping.abort();
          loaded.close();
          await exited;
        },
      };
    },
  };
}

/** Resolves when it was stopped: what ends a process meanwhile is news, and no end of the service. */
async function liveOnAndOn(
  options: NodeProcess,
  loaded: LoadedFiles,
  stopping: AbortSignal,
  say: (line: string) => void,
): Promise<string> {
  const { name } = options;
  const asked = new Promise<'asked'>((resolve) => {
    stopping.addEventListener('abort', () => resolve('asked'));
  });
  for (let changedAt = 0; !stopping.aborted; changedAt = Date.now()) {
    const changed = loaded.next();
    const running = launchNode(options, {
      preloads: [REPORT],
      onMessage: (message) => loaded.add(message),
    });
    const ended = running.exited.then((reason) => ({ reason }));
    if (changedAt > 0) void sayWhenReady(options, running.exited, changedAt, say);
    const first = await Promise.race([asked, changed, ended]);
    if (first === 'asked') {
      await running.stop();
      return 'it was stopped';
    }
    if (first === 'changed') {
      running.kill();
      await running.exited;
      continue;
    }
    say(`${name} ended (${first.reason}) and waits for a change:\n${lastLines(options.logFile)}`);
    await Promise.race([asked, loaded.nextNearby()]);
  }
  return 'it was stopped';
}

async function sayWhenReady(
  { name, ready }: NodeProcess,
  exited: Promise<string>,
  changedAt: number,
  say: (line: string) => void,
): Promise<void> {
  const gone = new AbortController();
  void exited.then(() => gone.abort());
  while (!gone.signal.aborted) {
    if (await ready().catch(() => false)) {
      return say(
        `${name} runs what changed, after ${((Date.now() - changedAt) / 1000).toFixed(1)} s`,
      );
    }
    await delay(READY_POLL_MS);
  }
}

/** The files that a process has loaded, and when one of them changes. */
class LoadedFiles {
  readonly #files = new Set<string>();
  /** Folders, not files: most editors put a new file in the place of the old one. */
  readonly #folders = new Map<string, fs.FSWatcher>();
  #loaded = Promise.withResolvers<'changed'>();
  #nearby = Promise.withResolvers<'changed'>();

  /** Takes a message of `report.ts`. */
  add(message: unknown): void {
    const { loaded } = message as { loaded?: string };
    if (loaded === undefined) return;
    const file = fileURLToPath(loaded);
    this.#files.add(file);
    const folder = dirname(file);
    if (this.#folders.has(folder)) return;
    this.#folders.set(
      folder,
      fs.watch(folder, (_event, name) => name !== null && this.#onChange(join(folder, name))),
    );
  }

  /** The next change of a loaded file from now on. */
  next(): Promise<'changed'> {
    this.#loaded = Promise.withResolvers();
    return this.#loaded.promise;
  }

  /** The next change of any source beside them: what was missing may be new. */
  nextNearby(): Promise<'changed'> {
    this.#nearby = Promise.withResolvers();
    return this.#nearby.promise;
  }

  close(): void {
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #onChange(file: string): void {
    const isSource = /\.(?:ts|json)$/.test(basename(file)) && !file.endsWith('.test.ts');
    if (!isSource) return;
    const { resolve } = this.#files.has(file) ? this.#loaded : Promise.withResolvers<'changed'>();
    const nearby = this.#nearby.resolve;
    setTimeout(() => {
      resolve('changed');
      nearby('changed');
    }, SETTLED_MS);
  }
}
