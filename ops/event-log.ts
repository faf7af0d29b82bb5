import { parseArgs } from 'node:util';
import {
  asStored,
  connectEventStore,
  headOfLog,
  type EventStore,
} from '../platform/event-store.ts';
import { readRawLog } from '../platform/raw-events.ts';
import { FAILED, OK, OperatorError, printJson, reasonOf } from './command.ts';
import { required } from './environment.ts';
import { readArchive, readManifest, type Manifest } from './event-log/archive.ts';
import { backUp } from './event-log/backup.ts';
import { checkArchive, checkStore, type Checked } from './event-log/check.ts';
import type { LeftOut } from './event-log/history.ts';
import { compare, transfer, type Source, type Target } from './event-log/transfer.ts';
import { count, counted, duration, withoutSecrets } from './format.ts';
import { Progress } from './progress.ts';

const ADDRESS = /^esdb(?:\+discover)?:\/\/\S+$/;

export const name = 'log';
export const summary = 'back up, verify, restore and copy the event log';
export const usage = `Usage: npm run ops -- log backup --to DIR [--json]
       npm run ops -- log verify DIR|ADDRESS [--json]
       npm run ops -- log restore DIR ADDRESS [--up-to POSITION] [--json]
       npm run ops -- log copy ADDRESS ADDRESS [--json]

An ADDRESS is a connection string of any EventStoreDB or of the event store of this machine, such
as esdb://127.0.0.1:2113?tls=false or esdb+discover://admin:secret@cluster.example:2113. Of an
EventStoreDB with users it has to be an admin, who may read and write all streams.

  backup    Writes the log of EVENT_STORE_URL up to its present end into DIR, while it runs. Into a
            DIR that holds a backup of the same log it adds what is new, so it can run every hour.
            It refuses one of which a file is missing or cut off; a byte that has changed is found
            by verify only.
  verify    Reads a backup (checksums, counts, positions, revisions), or a running store (positions,
            revisions, and that every stream reads back what the log has). It needs some 200 bytes
            of memory for each stream.
  restore   Appends a backup to an empty store, then compares both.
  copy      Appends the log of the first store to the second one, then compares both. This is how a
            shop moves to an EventStoreDB cluster, and back: copy while the shop runs, stop its
            write-apis, reactor and projector, copy again (only what is new is appended), start them
            at the new address.

Every one of them can be interrupted at any moment, and the same command goes on from there. restore
and copy append nothing to a store that holds anything but a beginning of the same log.

What is kept: stream names, order, revisions, event ids, types, data and metadata byte for byte,
stream metadata, deletions and tombstones. What is not:
  - positions, and when an event was appended: $maxAge counts from the copy on
  - the ids of what a store writes by itself: tombstones, a second deletion of a stream, and the
    metadata with which a deleted stream comes back
  - streams whose names begin with $: links and statistics that a store makes for itself, its users,
    its projections, persistent subscriptions and their checkpoints, which are positions. They are
    counted by kind in the report; set up in the target what you need of them
  - the reactor's checkpoint and snapshots, which hold positions too: the reactor looks through the
    log once more, and a shop's stock is read from its beginning the first time
  - the log's own id, by which a projector finds that it is another log, and builds its rows anew
  - what a scavenge has removed: in its place is an empty event of type $scavenged, so that the
    others keep their revisions

Read models hold positions. After a restore or a copy the projector builds them anew when it starts
there, or: npm run ops -- replay

Examples:
  npm run ops -- log backup --to /backups/shop
  npm run ops -- log verify /backups/shop
  npm run ops -- log restore /backups/shop 'esdb://127.0.0.1:2114?tls=false'
  npm run ops -- log copy 'esdb://127.0.0.1:2113?tls=false' 'esdb+discover://admin:…@cluster'

Exit code 1: not done, or what was verified is not whole.`;

type Options = { json: boolean | undefined; to: string | undefined; upTo: string | undefined };

const SUBCOMMANDS: Record<string, (operands: string[], options: Options) => Promise<number>> = {
  backup,
  verify,
  restore,
  copy,
};

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      to: { type: 'string' },
      'up-to': { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const [which = '', ...operands] = positionals;
  const subcommand = Object.hasOwn(SUBCOMMANDS, which) ? SUBCOMMANDS[which] : undefined;
  if (!subcommand) {
    const names = Object.keys(SUBCOMMANDS).join(', ');
    throw new OperatorError(`Say one of ${names}. See: npm run ops -- help log`);
  }
  if (values.to !== undefined && which !== 'backup') throw misused('--to', 'backup');
  if (values['up-to'] !== undefined && which !== 'restore') throw misused('--up-to', 'restore');
  return subcommand(operands, { json: values.json, to: values.to, upTo: values['up-to'] });
}

const misused = (option: string, subcommand: string): OperatorError =>
  new OperatorError(`${option} is for log ${subcommand}. See: npm run ops -- help log`);

function expectOperands(operands: string[], ...names: string[]): string[] {
  if (operands.length === names.length) return operands;
  const needed = names.length === 0 ? 'nothing' : names.join(' and ');
  throw new OperatorError(`It takes ${needed}. See: npm run ops -- help log`);
}

/** Whether it is meant to be an address, and not a folder. */
const isAddress = (text: string): boolean => text.includes('://');

function expectAddress(text: string): void {
  if (ADDRESS.test(text)) return;
  throw new OperatorError(`"${text}" is no address. One is esdb://127.0.0.1:2113?tls=false`);
}

/** Does something with stores, and lets go of them. */
async function connected<T>(
  addresses: string[],
  work: (...targets: Target[]) => Promise<T>,
): Promise<T> {
  const clients: EventStore[] = [];
  try {
    const targets = addresses.map((address) => {
      expectAddress(address);
      try {
        const client = connectEventStore(address, asStored);
        clients.push(client);
        return { name: withoutSecrets(address), client };
      } catch (error) {
        throw new OperatorError(`${withoutSecrets(address)}: ${reasonOf(error)}`);
      }
    });
    return await work(...targets);
  } finally {
    await Promise.all(clients.map((client) => client.dispose()));
  }
}

/** Shows how far some work on a log is, by its events and the share of positions. */
async function showing<T>(
  label: string,
  work: (show: (events: number, position: bigint, end: bigint) => void) => Promise<T>,
): Promise<T> {
  const progress = new Progress(label, 'events');
  try {
    return await work((events, position, end) =>
      progress.update({ done: events, fraction: end > 0n ? Number(position) / Number(end) : 1 }),
    );
  } finally {
    progress.end();
  }
}

async function backup(operands: string[], { to, json }: Options): Promise<number> {
  expectOperands(operands);
  if (to === undefined) throw new OperatorError('--to DIR is needed. See: npm run ops -- help log');
  const { EVENT_STORE_URL } = required('EVENT_STORE_URL');
  const startedMs = performance.now();
  const { added, manifest } = await connected([EVENT_STORE_URL], ({ client }) =>
    showing('backing up', (show) => backUp(client, to, show)),
  );
  const { events, streams, leftOut } = manifest;
  const position = Number(manifest.position);
  if (json) {
    printJson({ to, added, position, events, streams, leftOut, tookMs: since(startedMs) });
    return OK;
  }
  console.log(
    `${to} holds the log up to position ${count(position)}: ${counted(events, 'event')}, ` +
      `${count(added)} of them new, in ${counted(streams, 'stream')}.`,
  );
  sayLeftOut(leftOut);
  return OK;
}

async function verify(operands: string[], { json }: Options): Promise<number> {
  const [what = ''] = expectOperands(operands, 'DIR or ADDRESS');
  const checked = isAddress(what) ? await verifyStore(what) : await verifyArchive(what);
  if (json) printJson(checked);
  else console.log(renderChecked(isAddress(what) ? withoutSecrets(what) : what, checked));
  return checked.problemCount === 0 ? OK : FAILED;
}

const verifyStore = (address: string): Promise<Checked> =>
  connected([address], async ({ client }) => {
    const head = await headOfLog(client);
    return showing('verifying', (show) =>
      checkStore(client, (events, position) => show(events, position, head)),
    );
  });

async function verifyArchive(dir: string): Promise<Checked> {
  const manifest = await readManifest(dir);
  const end = BigInt(manifest.last?.position ?? 0);
  return showing('verifying', (show) =>
    checkArchive(dir, manifest, (events, position) => show(events, position, end)),
  );
}

function renderChecked(what: string, checked: Checked): string {
  const { events, streams, position, scavenged, problemCount, problems } = checked;
  const lines = [
    `${what}: ${counted(events, 'event')} in ${counted(streams, 'stream')}` +
      `${position === null ? '' : `, up to position ${count(Number(position))}`}.`,
  ];
  if (scavenged.streams > 0) {
    lines.push(
      `A scavenge took ${counted(scavenged.events, 'event')} of ` +
        `${counted(scavenged.streams, 'stream')}, for example of ${scavenged.example}.`,
    );
  }
  if (problemCount === 0) return [...lines, 'It is whole.'].join('\n');
  const more = problemCount - problems.length;
  lines.push(`NOT WHOLE: ${counted(problemCount, 'problem')}.`);
  lines.push(...problems.map((text) => `  ${text}`));
  if (more > 0) lines.push(`  and ${count(more)} more`);
  return lines.join('\n');
}

async function restore(operands: string[], { upTo, json }: Options): Promise<number> {
  const [dir = '', address = ''] = expectOperands(operands, 'DIR', 'ADDRESS');
  expectAddress(address);
  if (upTo !== undefined && !/^\d+$/.test(upTo)) {
    throw new OperatorError('--up-to is a position, a whole number, such as `log backup` says.');
  }
  const manifest = await readManifest(dir);
  const checked = await verifyArchive(dir);
  if (checked.problemCount > 0) {
    throw new OperatorError(`Nothing was restored.\n${renderChecked(dir, checked)}`);
  }
  const source = archiveSource(dir, manifest, upTo);
  return connected([address], (target) => repeat(source, target, json));
}

function archiveSource(dir: string, manifest: Manifest, upTo: string | undefined): Source {
  const until = BigInt(manifest.position ?? 0);
  if (upTo !== undefined && BigInt(upTo) > until) {
    throw new OperatorError(`${dir} holds the log up to position ${until}, and not to ${upTo}.`);
  }
  return {
    name: dir,
    read: () => readArchive(dir, manifest),
    until: upTo === undefined ? until : BigInt(upTo),
  };
}

async function copy(operands: string[], { json }: Options): Promise<number> {
  const [from = '', to = ''] = expectOperands(
    operands,
    'the ADDRESS to copy from',
    'the one to copy to',
  );
  return connected([from, to], async (source, target) => {
    const { client } = source;
    const until = await headOfLog(client);
    const read = () => readRawLog(client, undefined);
    return repeat({ name: source.name, read, until }, target, json);
  });
}

async function repeat(source: Source, target: Target, json: boolean | undefined): Promise<number> {
  const startedMs = performance.now();
  const result = await showing('appending', (show) =>
    transfer(source, target, (events, position) => show(events, position, source.until)),
  );
  const appendedMs = since(startedMs);
  const { events, otherIds } = await showing('comparing', (show) =>
    compare({ ...source, until: result.until }, target, (compared, position) =>
      show(compared, position, result.until),
    ),
  );
  const { written, found, leftOut, filled } = result;
  const position = Number(source.until);
  if (json) {
    const figures = { events, written, found, otherIds, leftOut, filled, position };
    printJson({ ...figures, appendedMs, tookMs: since(startedMs) });
    return OK;
  }
  console.log(
    `${target.name} is the same as ${source.name} up to position ${count(position)}: ` +
      `${counted(events, 'event')} compared, ${count(written)} of them appended now ` +
      `(${duration(appendedMs)}).`,
  );
  if (otherIds > 0) {
    console.log(
      `${counted(otherIds, 'event')} that stores write by themselves have ids of its own.`,
    );
  }
  sayFilled(filled);
  sayLeftOut(leftOut);
  console.log('Read models hold positions of the other log. Next: npm run ops -- replay');
  return OK;
}

function sayLeftOut(leftOut: LeftOut): void {
  const kinds = Object.entries(leftOut).map(([kind, events]) => `${count(events)} of ${kind}`);
  if (kinds.length > 0) console.log(`Left out: ${kinds.join(', ')}.`);
}

function sayFilled(filled: Record<string, number>): void {
  const streams = Object.entries(filled);
  if (streams.length === 0) return;
  const events = streams.reduce((sum, [, each]) => sum + each, 0);
  console.log(
    `${counted(events, 'event')} that a scavenge took from ${counted(streams.length, 'stream')}, ` +
      `such as ${streams[0]![0]}, are there as empty ones.`,
  );
}

const since = (startedMs: number): number => Math.round(performance.now() - startedMs);
