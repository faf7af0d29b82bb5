import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const MAIN = join(import.meta.dirname, '../ops/main.ts');

/** What a developer may have set for a system of their own; no test may touch that. */
const FOREIGN = /_URL$|_SECRET$|^ORIGIN_|^DATA_DIR$/;

export type Outcome = { code: number; stdout: string; stderr: string };

/** Starts the command line as a process of its own, as whoever types it does. */
export function startOps(args: string[], env: Record<string, string>) {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  const nowhere = join(import.meta.dirname, 'no-such-folder');
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...Object.fromEntries(own), DATA_DIR: nowhere, ...env },
  });
  const ended = async (): Promise<Outcome> => {
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    return { code, stdout, stderr };
  };
  return { child, outcome: ended() };
}

/** Runs a command to its end; `input` is what it reads from stdin. */
export function ops(args: string[], env: Record<string, string>, input = ''): Promise<Outcome> {
  const { child, outcome } = startOps(args, env);
  child.stdin.end(input);
  return outcome;
}

/** The variables of a shop of the tests, which has no edge. */
export const environmentOf = (shop: {
  eventStoreUrl: string;
  databaseUrl: string;
  writeUrl: string;
  readUrl: string;
  storePassSecret: string;
}): Record<string, string> => ({
  EVENT_STORE_URL: shop.eventStoreUrl,
  DATABASE_URL: shop.databaseUrl,
  ORIGIN_WRITE_API: new URL(shop.writeUrl).origin,
  READ_API_URL: new URL(shop.readUrl).origin,
  STORE_PASS_SECRET: shop.storePassSecret,
});
