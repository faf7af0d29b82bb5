import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { SnapshotRules } from '../decider.ts';
import { keepNewestOnly, snapshotStreamOf, type EventStore } from '../../platform/event-store.ts';
import type { Logger } from '../../platform/log.ts';
import type { Folded } from './folded.ts';
import { RememberedCommands } from './remembered.ts';

/** EventStoreDB takes 1 MiB in an append: a state that is larger even when packed is not kept. */
const MAX_SNAPSHOT_BYTES = 1_000_000;
const TYPE = 'SnapshotTaken';

type Kept = {
  version: number;
  revision: string;
  position: string;
  state: unknown;
  /** The commands that the stream knows, packed. */
  keys?: string;
  /** The same in older snapshots, the newest thousand of them. */
  commands?: [id: string, fingerprint: string | null][];
};

const MAX_OLD_COMMANDS = 1_000;

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
  nowMs: number,
): Promise<Folded<State> | undefined> {
  const bytes = await newestSnapshot(client, stream);
  if (!bytes) return undefined;
  try {
    return await openSnapshot(rules, bytes, nowMs);
  } catch (error) {
    log.error({ err: error, stream }, 'a snapshot cannot be read: the whole stream is');
    return undefined;
  }
}

/** What is in a snapshot; undefined where it is of another version. Throws for what is none. */
export async function openSnapshot<State>(
  { version, unpack }: SnapshotRules<State>,
  bytes: Uint8Array,
  nowMs: number,
): Promise<Folded<State> | undefined> {
  const text = (await unzip(bytes)).toString();
  const kept = JSON.parse(text) as Kept;
  const commands = commandsIn(kept, nowMs);
  if (kept.version !== version || !commands) return undefined;
  return {
    state: unpack(kept.state),
    revision: BigInt(kept.revision),
    position: BigInt(kept.position),
    commands,
    bytes: text.length - (kept.keys?.length ?? 0),
  };
}

/** Undefined where an older snapshot is full, and lacks what came before in the same day. */
function commandsIn(
  { keys, commands: old = [] }: Kept,
  nowMs: number,
): RememberedCommands | undefined {
  if (keys !== undefined) return RememberedCommands.unpack(keys);
  if (old.length >= MAX_OLD_COMMANDS) return undefined;
  const commands = new RememberedCommands(true);
  // It does not say when they came: rather they are known for a day too long.
  for (const [id, fingerprint] of old) commands.add(id, fingerprint ?? undefined, nowMs, nowMs);
  return commands;
}

/** A stream's newest snapshot, packed; undefined where there is none. */
export const newestSnapshot = async (
  client: EventStore,
  stream: string,
): Promise<Uint8Array | undefined> =>
  (await client.readNewest(snapshotStreamOf(stream)))?.data as Uint8Array | undefined;

/**
 * Keeps what a stream folded to, and measures it anew. Never throws: without a snapshot a cold load
 * takes longer.
 */
export async function writeSnapshot<State>(
  client: EventStore,
  log: Logger,
  { version, pack }: SnapshotRules<State>,
  stream: string,
  folded: Folded<State>,
): Promise<void> {
  const { state, revision, position, commands } = folded;
  const keys = commands.pack();
  const kept: Kept = {
    version,
    revision: revision.toString(),
    position: position.toString(),
    state: pack(state),
    keys,
  };
  try {
    const text = JSON.stringify(kept);
    folded.bytes = text.length - keys.length;
    const data = await zip(text);
    if (data.length > MAX_SNAPSHOT_BYTES) {
      throw new Error(`it takes ${data.length} bytes, at most ${MAX_SNAPSHOT_BYTES} are kept`);
    }
    const name = snapshotStreamOf(stream);
    await keepOnlyNewest(client, name);
    await client.appendEvents(name, 'any', [{ type: TYPE, data }]);
  } catch (error) {
    log.warn({ err: error, stream }, 'no snapshot was kept: cold loads take longer');
  }
}

/**
 * Before there is anything to keep, and looked at each time: a process may die between any two of
 * its steps, and each snapshot is as large as a stream's whole state.
 */
async function keepOnlyNewest(client: EventStore, name: string): Promise<void> {
  const newest = await client.readNewest(`$$${name}`);
  const metadata = newest?.data as { $maxCount?: number } | undefined;
  if (metadata?.$maxCount !== 1) await keepNewestOnly(client, name);
}
