import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { SnapshotRules } from '../decider.ts';
import { keepNewestOnly, snapshotStreamOf, type EventStore } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import type { Folded } from './folded.ts';

/** EventStoreDB takes 1 MiB in an append: a state that is larger even when packed is not kept. */
const MAX_SNAPSHOT_BYTES = 1_000_000;
const TYPE = 'SnapshotTaken';

type Kept = {
  version: number;
  revision: string;
  position: string;
  state: unknown;
  commands: [id: string, fingerprint: string | null][];
};

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/**
 * What a stream folded to when its newest snapshot was taken; undefined where there is none of
 * these rules' version. It lies in the same log, behind the events that it sums up: whoever has
 * it, after a restore too, has them as well.
 */
export async function readSnapshot<State>(
  client: EventStore,
  log: Logger,
  rules: SnapshotRules<State>,
  stream: string,
): Promise<Folded<State> | undefined> {
  const bytes = await newestSnapshot(client, stream);
  if (!bytes) return undefined;
  try {
    return await openSnapshot(rules, bytes);
  } catch (error) {
    log.error({ err: error, stream }, 'a snapshot cannot be read: the whole stream is');
    return undefined;
  }
}

/** What is in a snapshot; undefined where it is of another version. Throws for what is none. */
export async function openSnapshot<State>(
  { version, unpack }: SnapshotRules<State>,
  bytes: Uint8Array,
): Promise<Folded<State> | undefined> {
  const kept = JSON.parse((await unzip(bytes)).toString()) as Kept;
  if (kept.version !== version) return undefined;
  return {
    state: unpack(kept.state),
    revision: BigInt(kept.revision),
    position: BigInt(kept.position),
    commands: new Map(kept.commands.map(([id, print]) => [id, print ?? undefined])),
  };
}

/** A stream's newest snapshot, packed; undefined where there is none. */
export const newestSnapshot = async (
  client: EventStore,
  stream: string,
): Promise<Uint8Array | undefined> =>
  (await client.readNewest(snapshotStreamOf(stream)))?.data as Uint8Array | undefined;

/** Keeps what a stream folded to. Never throws: without a snapshot a cold load takes longer. */
export async function writeSnapshot<State>(
  client: EventStore,
  log: Logger,
  { version, pack }: SnapshotRules<State>,
  stream: string,
  { state, revision, position, commands }: Folded<State>,
): Promise<void> {
  const kept: Kept = {
    version,
    revision: revision.toString(),
    position: position.toString(),
    state: pack(state),
    commands: [...commands].map(([id, fingerprint]) => [id, fingerprint ?? null]),
  };
  try {
    const data = await zip(JSON.stringify(kept));
    if (data.length > MAX_SNAPSHOT_BYTES) {
      throw new Error(`it takes ${data.length} bytes, at most ${MAX_SNAPSHOT_BYTES} are kept`);
    }
    const name = snapshotStreamOf(stream);
    const { revision: last } = await client.appendEvents(name, 'any', [{ type: TYPE, data }]);
    if (last === 0n) await keepNewestOnly(client, name);
  } catch (error) {
    log.warn({ err: error, stream }, 'no snapshot was kept: cold loads take longer');
  }
}
