/**
 * Events that nobody can read, twenty of each kind and each in a stream of its own, put into the log
 * of a shop that works: whatever they do not touch goes on, each is told by name, and the proof of the whole log comes to its end.
 */
import { randomUUID } from 'node:crypto';
import type { Drill, Report } from '../../event-store/drill/drill.ts';
import { DECIDERS } from '../../domain/deciders.ts';
import { StreamDamaged } from '../../engine/commands/stream-damaged.ts';
import type { Decider, Message, Shape } from '../../engine/decider.ts';
import { AppendCall, NO_REVISION } from '../../platform/appends.ts';
import type { RawEvent } from '../../platform/raw-events.ts';
import { streamOf } from '../../platform/stream-name.ts';
import { EXAMPLES } from '../golden/examples.ts';
import { environmentOf, ops } from '../ops.ts';
import {
  headOfCommands,
  openStore,
  quoteCart,
  recipient,
  startShop,
  work,
  type Shop,
} from '../shop.ts';

const OF_EACH_KIND = { short: 2, long: 20 };

type Members = { readonly [name: string]: Shape };
type AnyDecider = Decider<unknown, Message, Message>;

/** An event as it should be, and the shape that it has. */
type Sound = { decider: AnyDecider; type: string; data: Record<string, unknown>; shape: Members };

const SOUND: Sound[] = DECIDERS.flatMap((decider) =>
  Object.entries(decider.shapes!).map(([type, shape]) => ({
    decider: decider as unknown as AnyDecider,
    type,
    data: EXAMPLES[type as keyof typeof EXAMPLES] as Record<string, unknown>,
    shape: shape as Members,
  })),
);

const isOptional = (shape: Shape): boolean =>
  typeof shape === 'string' ? shape.endsWith('?') : Array.isArray(shape) && shape[0] === '?';

/** The members that have to be there. */
const requiredIn = ({ shape }: Sound): string[] =>
  Object.keys(shape).filter((name) => !isOptional(shape[name]!));

const numbersIn = ({ shape }: Sound): string[] =>
  Object.keys(shape).filter((name) => shape[name] === 'integer');

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** The nth of several. */
const nth = <T>(items: T[], n: number): T => items[n % items.length]!;

const withMembers = SOUND.filter((sound) => requiredIn(sound).length > 0);
const withNumbers = SOUND.filter((sound) => numbersIn(sound).length > 0);

/** What is wrong with the nth event of a kind; the rest of it is as it should be. */
type Kind = (n: number) => { sound: Sound; wrong: Partial<RawEvent> };

/** Bytes that no event's data ever was. */
const dataOf =
  (text: string): Kind =>
  (n) => ({ sound: nth(SOUND, 7 * n), wrong: { data: Buffer.from(text) } });

const metadataOf =
  (text: string): Kind =>
  (n) => ({ sound: nth(SOUND, 7 * n + 3), wrong: { metadata: Buffer.from(text) } });

/** One member is made into something else; undefined takes it away. */
const memberOf =
  (sounds: Sound[], membersOf: (sound: Sound) => string[], made: (shape: Shape) => unknown): Kind =>
  (n) => {
    const sound = nth(sounds, 5 * n);
    const name = nth(membersOf(sound), n);
    const data = { ...sound.data, [name]: made(sound.shape[name]!) };
    return { sound, wrong: { data: json(data) } };
  };

const otherType = (shape: Shape): unknown => (shape === 'text' || shape === 'time' ? 7 : 'seven');

export const KINDS: Record<string, Kind> = {
  'a member is missing': memberOf(withMembers, requiredIn, () => undefined),
  'a member is null': memberOf(withMembers, requiredIn, () => null),
  'a member is of another type': memberOf(withMembers, requiredIn, otherType),
  'a number is beyond what numbers hold': memberOf(withNumbers, numbersIn, () => 1e300),
  'a number is broken': memberOf(withNumbers, numbersIn, () => 0.5),
  'the data is null': dataOf('null'),
  'the data is a list': dataOf('[]'),
  'the data is a text': dataOf('"parts"'),
  'the data is a number': dataOf('1e999'),
  'the data is no JSON': dataOf('{"parts":['),
  'the data is empty': dataOf(''),
  'the data is no text': (n) => ({
    sound: nth(SOUND, n),
    wrong: { data: Buffer.from([0xff, 0, 1]), isJson: false },
  }),
  'the metadata is no JSON': metadataOf('{'),
  'the metadata is empty': metadataOf(''),
  'the metadata is null': metadataOf('null'),
  'the metadata says nothing': metadataOf('{}'),
  'the version is none': metadataOf(JSON.stringify({ commandId: 'poison', schemaVersion: -1 })),
  'the type is unknown': (n) => ({ sound: nth(SOUND, n), wrong: { type: `Unheard${n}` } }),
  'the type is what every object has': (n) => ({
    sound: nth(SOUND, n),
    wrong: { type: nth(['constructor', 'toString', '__proto__', 'hasOwnProperty'], n) },
  }),
  'the event belongs elsewhere': (n) => {
    const sound = nth(SOUND, 11 * n);
    const other = nth(
      SOUND.filter(({ decider }) => decider.category !== sound.decider.category),
      n,
    );
    return { sound, wrong: { type: other.type, data: json(other.data) } };
  },
};

type Poisoned = { kind: string; stream: string; id: string; eventId: string; sound: Sound };

async function plant(kind: string, n: number, appends: AppendCall): Promise<Poisoned> {
  const { sound, wrong } = KINDS[kind]!(n);
  const id = randomUUID();
  const stream = streamOf(sound.decider, id);
  const eventId = randomUUID();
  const at = new Date().toISOString();
  // A type that is not its own has no other version: a later one would be a later release's.
  const schemaVersion = wrong.type ? 1 : versionOf(sound);
  const about = { commandId: eventId, $correlationId: eventId, $causationId: eventId };
  const event: RawEvent = {
    stream,
    id: eventId,
    type: sound.type,
    isJson: true,
    data: json(sound.data),
    metadata: json({ ...about, actor: 'poison', at, schemaVersion }),
    revision: 0n,
    position: 0n,
    created: 0n,
    ...wrong,
  };
  await appends.append(stream, NO_REVISION, [event]);
  return { kind, stream, id, eventId, sound };
}

const versionOf = ({ decider, type }: Sound): number =>
  ((decider.upcast as Record<string, unknown[]> | undefined)?.[type]?.length ?? 0) + 1;

/** A shopper's order at a shop that has nothing to do with it, from the cart to the door. */
async function buyAndDeliver(shop: Shop): Promise<void> {
  const { listingIds } = await openStore(shop);
  const { body: cart } = await shop.write<{ cartId: string }>('POST', '/carts');
  const path = `/carts/${cart.cartId}/items/${listingIds[0]}`;
  await shop.write('PUT', path, { quantity: 2 });
  const quote = await quoteCart(shop, cart.cartId);
  const wanted = { cartId: cart.cartId, quote, payment: 'cash-on-delivery', ...recipient };
  type Placed = { orderId: string; storeOrders: { storeOrderId: string }[] };
  const { status, body } = await shop.write<Placed>('POST', '/orders', wanted);
  if (status !== 201) throw new Error(`no order: ${JSON.stringify(body)}`);
  await work(shop, body.storeOrders[0]!.storeOrderId);
  // The reactor saw to its end; read models show it.
  await shop.untilLive<{ status: string }>(
    `/orders/${body.orderId}`,
    (order) => order.status === 'completed',
  );
}

/** What each poisoned stream says to a command; that it does not say so is a fault. */
async function damagedFaults(shop: Shop, all: Poisoned[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { kind, stream, id, sound } of all) {
    const answer = await shop.handler.load(sound.decider, id, { fresh: true }).then(
      () => 'a state',
      (error: unknown) => (error instanceof StreamDamaged ? undefined : String(error)),
    );
    if (answer !== undefined) faults.push(`${kind}: ${stream} gave ${answer}`);
  }
  return faults;
}

type Parked = { parked: { eventId: string; stream: string }[] };

/** Which events the operator is not told of. */
async function untold(env: Record<string, string>, all: Poisoned[]): Promise<string[]> {
  const { stdout } = await ops(['parked', '--json'], env);
  const { parked } = JSON.parse(stdout) as Parked;
  const named = new Set(parked.map(({ eventId }) => eventId));
  return all
    .filter(({ eventId }) => !named.has(eventId))
    .map(({ kind, stream }) => `${kind}: ${stream} is not told of`);
}

async function run({ extent }: { extent: 'short' | 'long' }): Promise<Report> {
  const shop = await startShop();
  const faults: string[] = [];
  try {
    const env = environmentOf(shop);
    const appends = await AppendCall.open(shop.client);
    const all: Poisoned[] = [];
    for (const kind of Object.keys(KINDS)) {
      for (let n = 0; n < OF_EACH_KIND[extent]; n++) {
        all.push(await plant(kind, n, appends));
      }
    }
    appends.close();
    await buyAndDeliver(shop);
    faults.push(...(await damagedFaults(shop, all)));
    await shop.read('/stores', `${await headOfCommands(shop.client)}`);
    faults.push(...(await untold(env, all)));
    const proof = await ops(['prove', '--json'], env);
    if (!proof.stdout.startsWith('{'))
      faults.push(`prove did not come to its end: ${proof.stderr}`);
    else faults.push(...rowFaults(proof.stdout));
    return { numbers: { kinds: Object.keys(KINDS).length, events: all.length }, faults };
  } finally {
    await shop.stop();
  }
}

type Proof = { violations: { kind: string; first: { where: string; text: string }[] }[] };

/** What a proof says of rows: they are what a fresh fold gives, poison or not. */
const rowFaults = (proof: string): string[] =>
  (JSON.parse(proof) as Proof).violations
    .filter(({ kind }) => kind.startsWith('the rows of'))
    .map(({ kind, first }) => `not so: ${kind}: ${first[0]?.where} ${first[0]?.text}`);

export const poison: Drill = {
  name: 'poison',
  summary: 'events that nobody can read, of twenty kinds: all else goes on, each is told by name',
  cheats: [],
  run,
};
