/** What writers were told, and how a log is held against it. */
import { once } from 'node:events';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { EventStoreDBClient } from '@eventstore/db-client';
import { end, launch } from './processes.ts';

/** An append as a writer prints it: acknowledged, or `refused` with the reason. */
export type Line = { stream: string; n: number; id: string; atMs: number; refused?: string };

const WRITER = join(import.meta.dirname, 'writer.ts');
const STOP_TIMEOUT_MS = 30_000;

/** A writer process, and the record of what it was told. */
export class Writer {
  readonly acknowledged: Line[] = [];
  readonly refused: Line[] = [];
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private readonly waiting = new Set<() => void>();

  constructor(url: string, options: { streams: number; perSecond?: number }) {
    const args = [url, String(options.streams), String(options.perSecond ?? '')];
    this.child = launch(WRITER, { args }, (text) => {
      const line = JSON.parse(text) as Line;
      (line.refused === undefined ? this.acknowledged : this.refused).push(line);
      for (const check of this.waiting) check();
    });
    this.closed = once(this.child, 'close');
  }

  /** Answers that only a lost event or a doubled one explains. */
  get contradictions(): Line[] {
    return this.refused.filter(({ refused }) => /^\d+$|^wrong-expected-version$/.test(refused!));
  }

  /**
   * Resolves when the record fits, or was contradicted, after which there is nothing to wait for.
   * Rejects when that takes longer than `withinMs`.
   */
  until(fits: (writer: this) => boolean, what: string, withinMs = STOP_TIMEOUT_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.waiting.delete(check);
      };
      const check = (): void => {
        if (!fits(this) && this.contradictions.length === 0) return;
        settle();
        resolve();
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`The writer waited ${withinMs} ms for ${what}.`));
      }, withinMs);
      this.waiting.add(check);
      check();
    });
  }

  /** How long it took until an append was acknowledged after this moment. */
  async nextAcknowledgement(sinceMs: number): Promise<number> {
    const isLater = (line: Line | undefined): boolean => line !== undefined && line.atMs > sinceMs;
    const seen = this.acknowledged.length;
    await this.until(
      ({ acknowledged }) => acknowledged.slice(seen).some(isLater),
      'an acknowledgement',
    );
    return (this.acknowledged.slice(seen).find(isLater)?.atMs ?? Infinity) - sinceMs;
  }

  /** Lets it end what it began; kills it where that takes too long. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await end(this.child, 'SIGTERM');
    clearTimeout(timer);
    await this.closed;
  }
}

/** What is wrong with a log, counted in events. All of it has to be 0. */
export type Tally = {
  acknowledged: number;
  lost: number;
  doubled: number;
  gaps: number;
  outOfOrder: number;
  altered: number;
  contradicted: number;
};

/** Reads everything that there is and holds it against what the writers were told. */
export async function compare(url: string, writers: Writer[]): Promise<Tally> {
  const acknowledged = writers.flatMap((writer) => writer.acknowledged);
  const stored = await readAll(url);
  const places = new Map<string, number>();
  const next = new Map<string, number>();
  const tally: Tally = {
    acknowledged: acknowledged.length,
    lost: 0,
    doubled: 0,
    gaps: 0,
    outOfOrder: 0,
    altered: 0,
    contradicted: writers.reduce((sum, { contradictions }) => sum + contradictions.length, 0),
  };
  let position = 0;
  for (const event of stored) {
    if (event.position <= position) tally.outOfOrder += 1;
    position = event.position;
    const expected = next.get(event.stream) ?? 0;
    if (event.revision > expected) tally.gaps += 1;
    if (event.revision < expected) tally.outOfOrder += 1;
    next.set(event.stream, event.revision + 1);
    if (places.has(`${event.stream} ${event.n}`)) tally.doubled += 1;
    places.set(`${event.stream} ${event.n} ${event.id}`, event.revision);
    places.set(`${event.stream} ${event.n}`, event.revision);
    if (event.revision !== event.n) tally.altered += 1;
  }
  for (const { stream, n, id } of acknowledged)
    if (!places.has(`${stream} ${n} ${id}`)) tally.lost += 1;
  return tally;
}

type Stored = { stream: string; id: string; revision: number; position: number; n: number };

async function readAll(url: string): Promise<Stored[]> {
  const client = EventStoreDBClient.connectionString(url);
  const stored: Stored[] = [];
  for await (const { event } of client.readAll())
    stored.push({
      stream: event!.streamId,
      id: event!.id,
      revision: Number(event!.revision),
      position: Number(event!.position.commit),
      n: (event!.data as { n: number }).n,
    });
  await client.dispose();
  return stored;
}

/** What a tally has that it must not have, in words. */
export const faultsOf = ({ acknowledged, ...faults }: Tally): string[] => [
  ...Object.entries(faults)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name} of ${acknowledged} acknowledged events`),
  ...(acknowledged === 0 ? ['nothing was acknowledged, so nothing is proved'] : []),
];
