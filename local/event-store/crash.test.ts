import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const KILLS = 5;
const WRITERS = 16;
/** An append that the server's death left without an answer is repeated after this. */
const ANSWER_WITHIN_MS = 2_000;
const RETRY_AFTER_MS = 25;

const test = suite('event store process');
const dir = mkdtempSync(join(tmpdir(), 'event-store-'));
test.after(() => rmSync(dir, { recursive: true }));

type Running = { child: ChildProcess; url: string; port: number };

async function start(port: number): Promise<Running> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { ...process.env, DATA_DIR: dir, PORT: String(port), HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout }))
    return { child, ...(JSON.parse(line) as { url: string; port: number }) };
  throw new Error('The event store ended before it listened.');
}

async function end({ child }: Running, signal: NodeJS.Signals): Promise<unknown[]> {
  const ended = once(child, 'exit');
  child.kill(signal);
  return ended;
}

/** Appends one event after the other to a stream of its own, each until it is acknowledged. */
class Writer {
  readonly stream = `writer-${randomUUID()}`;
  readonly acknowledged: string[] = [];
  repeats = 0;

  async run(client: () => EventStoreDBClient, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const event = jsonEvent({ type: 'Written', data: { n: this.acknowledged.length } });
      const revision = BigInt(this.acknowledged.length) - 1n;
      const expectedRevision = revision < 0n ? NO_STREAM : revision;
      for (;;) {
        const append = client().appendToStream(this.stream, event, { expectedRevision });
        const outcome = await Promise.race([
          append.then(
            ({ nextExpectedRevision }) => nextExpectedRevision,
            (error: Error) => error,
          ),
          setTimeout(ANSWER_WITHIN_MS, undefined, { ref: false }),
        ]);
        if (outcome === revision + 1n) break;
        // Only a lost connection may stand in the way: a wrong revision would be a lost or a
        // doubled event.
        const isLost = outcome === undefined || (outcome instanceof Error && 'code' in outcome);
        assert.ok(
          isLost && (outcome as { code?: unknown } | undefined)?.code !== 9,
          String(outcome),
        );
        this.repeats += 1;
        await setTimeout(RETRY_AFTER_MS);
      }
      this.acknowledged.push(event.id);
    }
  }
}

test('what was acknowledged survives kill -9, once, in order and without gaps', async () => {
  let server = await start(0);
  const client = EventStoreDBClient.connectionString(server.url);
  let isOver = false;
  const writers = Array.from({ length: WRITERS }, () => new Writer());
  const running = Promise.all(
    writers.map((writer) =>
      writer.run(
        () => client,
        () => isOver,
      ),
    ),
  );
  for (let kill = 0; kill < KILLS; kill += 1) {
    await setTimeout(200 + Math.random() * 400);
    await end(server, 'SIGKILL');
    server = await start(server.port);
  }
  isOver = true;
  await running;

  for (const { stream, acknowledged } of writers) {
    const stored: string[] = [];
    for await (const { event } of client.readStream(stream)) {
      assert.is(event!.revision, BigInt(stored.length));
      stored.push(event!.id);
    }
    assert.equal(stored, acknowledged);
  }
  let last = 0n;
  let all = 0;
  for await (const { event } of client.readAll()) {
    assert.ok(event!.position.commit > last);
    last = event!.position.commit;
    all += 1;
  }
  assert.is(
    all,
    writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0),
  );
  assert.ok(
    writers.some(({ repeats }) => repeats > 0),
    'No kill interrupted an append.',
  );
  await client.dispose();
  await end(server, 'SIGTERM');
});

test('SIGTERM ends the process cleanly, with what it had accepted on disk', async () => {
  let server = await start(0);
  const client = EventStoreDBClient.connectionString(server.url);
  const stream = `last-${randomUUID()}`;
  const appends = Array.from({ length: 500 }, () =>
    client.appendToStream(stream, jsonEvent({ type: 'Written', data: {} })).then(
      () => true,
      () => false,
    ),
  );
  await appends[0];
  const [exitCode] = await end(server, 'SIGTERM');
  const acknowledged = (await Promise.all(appends)).filter(Boolean).length;
  await client.dispose();

  assert.is(exitCode, 0);
  server = await start(server.port);
  const again = EventStoreDBClient.connectionString(server.url);
  let stored = 0;
  for await (const _ of again.readStream(stream)) stored += 1;
  assert.ok(stored >= acknowledged, `${acknowledged} acknowledged, ${stored} stored`);
  await again.dispose();
  await end(server, 'SIGTERM');
});

test.run();
