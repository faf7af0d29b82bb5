import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { COMPILED } from '../local/service.ts';

const ROOT = join(import.meta.dirname, '..');

/** A process of the system with these variables and no others, at any port, and what it says. */
export class RoomProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];

  constructor(entry: string, env: Record<string, string>) {
    this.#child = spawn(process.execPath, ['--import', './local/leash.ts', entry], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: COMPILED,
        HOST: '127.0.0.1',
        PORT: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const said = createInterface(this.#child.stdout!);
    said.on('line', (line) => {
      this.#lines.push(line);
      this.#child.emit('said');
    });
  }

  hasSaid(what: string): boolean {
    return this.#lines.some((line) => line.includes(what));
  }

  async says(what: string): Promise<void> {
    while (!this.hasSaid(what)) {
      assert.is(this.#child.exitCode, null, `it ended before it said that ${what}`);
      await Promise.race([once(this.#child, 'said'), once(this.#child, 'exit')]);
    }
  }

  /** With a signal that ends it: resolves when it has ended. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ends = signal === 'SIGKILL' || signal === 'SIGTERM';
    const ended = ends ? once(this.#child, 'exit') : undefined;
    this.#child.kill(signal);
    await ended;
  }
}
