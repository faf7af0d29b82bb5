import * as fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_POLL_MS = 100;

export type Lock = { release(): void };

/** What is held: without a reference, a collected database would let its lock go. */
const held = new Set<DatabaseSync>();

/**
 * Takes a lock that holds between processes, or answers undefined when another process has it.
 * Node has no flock: an open SQLite transaction is one, and the kernel gives it back whenever its
 * holder ends. A file with a pid would outlive a crash, and pids come round again.
 */
export function tryLock(file: string): Lock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch {
    database.close();
    return undefined;
  }
  fs.writeFileSync(`${file}.pid`, `${process.pid}\n`);
  held.add(database);
  return {
    release() {
      held.delete(database);
      database.close();
    },
  };
}

/** The process that took the lock last, for a message. */
export const lockHolder = (file: string): string => fs.readFileSync(`${file}.pid`, 'utf8').trim();

/** Waits for the lock as long as somebody else has it. */
export async function lock(file: string): Promise<Lock> {
  for (;;) {
    const taken = tryLock(file);
    if (taken) return taken;
    await delay(WAIT_POLL_MS);
  }
}
