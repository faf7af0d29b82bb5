import { headOfLog, type EventStore } from '../../platform/event-store.ts';
import { isPosition, readRawEventAt, readRawLog } from '../../platform/raw-events.ts';
import { OperatorError } from '../command.ts';
import { ArchiveWriter, type Manifest } from './archive.ts';
import { shopEvents, type LeftOut } from './history.ts';

export type Backup = { added: number; manifest: Manifest };

/**
 * Adds to the archive what the log has up to where it ends now. Throws an `OperatorError`, and
 * changes nothing, where the archive is of another log.
 */
export async function backUp(
  client: EventStore,
  dir: string,
  onProgress: (events: number, position: bigint, head: bigint) => void,
): Promise<Backup> {
  const archive = await ArchiveWriter.open(dir);
  try {
    const head = await headOfLog(client);
    await assertSameLog(client, dir, archive.manifest, head);
    const { position, last } = archive.manifest;
    const after = position ?? last?.position;
    const leftOut: LeftOut = {};
    let added = 0;
    const events = readRawLog(client, after === undefined ? undefined : BigInt(after));
    for await (const event of shopEvents(until(events, head), leftOut)) {
      await archive.add(event);
      added += 1;
      onProgress(added, event.position, head);
    }
    return { added, manifest: await archive.commit(head, leftOut) };
  } finally {
    archive.close();
  }
}

async function* until<T extends { position: bigint }>(
  events: AsyncIterable<T>,
  head: bigint,
): AsyncGenerator<T> {
  for await (const event of events) {
    if (event.position > head) return;
    yield event;
  }
}

async function assertSameLog(
  client: EventStore,
  dir: string,
  { position, last }: Manifest,
  head: bigint,
): Promise<void> {
  if (last === null) return;
  const at = BigInt(last.position);
  const there = (await isPosition(client, at)) ? await readRawEventAt(client, at) : undefined;
  if (there?.id === last.id && BigInt(position ?? 0) <= head) return;
  throw new OperatorError(
    `${dir} holds a backup of another log, or of a later state of this one: the event that it ends ` +
      `with (position ${last.position}) is not there in the store. Back up into a new folder.`,
  );
}
