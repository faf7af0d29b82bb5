/** What the cases of the conformance suite have in common. They use nothing but the client. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  EventStoreDBClient,
  jsonEvent,
  type AllStreamSubscription,
  type JSONEventData,
  type JSONType,
  type ResolvedEvent,
  type StreamSubscription,
} from '@eventstore/db-client';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';

/** A server to try, which may hold other data. */
export type Server = {
  url: string;
  /** The one client that appends: two of them in a process share what they wait for. */
  client: EventStoreDBClient;
  /** A name that no other case uses. A category has no hyphen. */
  newStream: (category?: string) => string;
};

/** What is documented, in a sentence, with what shows it. */
export type Cases = Record<string, (server: Server) => Promise<void>>;

/** The server lacks, by its configuration, what a case is about. */
export class Skipped extends Error {}

const CASE_TIMEOUT_MS = 30_000;

export type Node = { address: string; port: number; state: 'leader' | 'follower' | 'other' };

/** What the client knows and does for itself. */
type Inside = {
  capabilities: Promise<{ serverVersion: string }>;
  execute: <Service, Answer>(
    of: new (...parts: never[]) => Service,
    name: string,
    ask: (service: Service) => Promise<Answer>,
  ) => Promise<Answer>;
};

/** Which version the server says that it is, and the nodes of it that are alive. */
export async function meet(
  client: EventStoreDBClient,
): Promise<{ version: string; nodes: Node[] }> {
  const inside = client as unknown as Inside;
  const { serverVersion: version } = await inside.capabilities;
  const info = await inside.execute(
    gossipGrpc.GossipClient,
    'gossip',
    (gossip) =>
      new Promise<gossipPb.ClusterInfo>((resolve, reject) => {
        gossip.read(new sharedPb.Empty(), (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      }),
  );
  const { LEADER, FOLLOWER } = gossipPb.MemberInfo.VNodeState;
  const nodes = info
    .getMembersList()
    .filter((member) => member.getIsAlive())
    .map((member): Node => {
      const state = member.getState();
      return {
        address: member.getHttpEndPoint()?.getAddress() ?? '',
        port: member.getHttpEndPoint()?.getPort() ?? 0,
        state: state === LEADER ? 'leader' : state === FOLLOWER ? 'follower' : 'other',
      };
    });
  return { version, nodes };
}

export const connect = (url: string): Server => ({
  url,
  client: EventStoreDBClient.connectionString(url),
  newStream: (category = 'test') => `${category}-${randomUUID()}`,
});

/** Rejects with what went wrong, with a Skipped, or because the case takes too long. */
export async function runCase(run: Cases[string], server: Server): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    const error = new Error(`It did not end within ${CASE_TIMEOUT_MS / 1000} s.`);
    timer = setTimeout(() => reject(error), CASE_TIMEOUT_MS);
  });
  try {
    await Promise.race([run(server), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** The address with one more option of the connection string. */
export const withOption = (url: string, option: string): string =>
  `${url}${url.includes('?') ? '&' : '?'}${option}`;

/** The address with these credentials, `name:password`, in place of its own. */
export const withCredentials = (url: string, credentials: string): string =>
  url.replace(/^(esdb(?:\+discover)?:\/\/)(?:[^@/]*@)?/, `$1${credentials}@`);

/** The credentials of an address; any where it has none. */
export function credentialsOf(url: string): { username: string; password: string } {
  const [, username = 'anybody', password = 'anything'] =
    /^\S+?:\/\/([^:@/]+):([^@/]+)@/.exec(url) ?? [];
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

export const newCategory = (): string => `c${randomUUID().replaceAll('-', '')}`;
export const newGroup = (): string => `group-${randomUUID()}`;
export const event = (type = 'Tested', data: JSONType = {}): JSONEventData =>
  jsonEvent({ type, data });
export const events = (count: number, type?: string): JSONEventData[] =>
  Array.from({ length: count }, () => event(type));
export const upTo = (count: number): bigint[] => Array.from({ length: count }, (_, n) => BigInt(n));

export const ids = (what: (ResolvedEvent | JSONEventData)[]): (string | undefined)[] =>
  what.map((each) => ('id' in each ? each.id : each.event?.id));
export const revisions = (resolved: ResolvedEvent[]): (bigint | undefined)[] =>
  resolved.map((each) => each.event?.revision);

export async function collect<Each>(source: AsyncIterable<Each>): Promise<Each[]> {
  const all: Each[] = [];
  for await (const each of source) all.push(each);
  return all;
}

/** The error of the class that this is refused with. */
export async function refused<Refusal extends Error>(
  promise: Promise<unknown>,
  Class: new (...parts: never[]) => Refusal,
): Promise<Refusal> {
  const error: unknown = await promise.then(
    () => new Error('It was not refused.'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Class))
    assert.fail(`It should be a ${Class.name}, and is ${String(error)}`);
  return error;
}

export type Subscription = StreamSubscription | AllStreamSubscription;

/** Everything that a subscription tells, and a way to wait until it is as the case wants it. */
export type Followed = {
  got: ResolvedEvent[];
  signals: string[];
  until: (done: () => boolean) => Promise<void>;
  unsubscribe: () => Promise<void>;
};

export function follow(subscription: Subscription): Followed {
  const got: ResolvedEvent[] = [];
  const signals: string[] = [];
  let check = (): void => {};
  const note = (signal: string): void => {
    signals.push(signal);
    check();
  };
  subscription
    .on('confirmation', () => note('confirmation'))
    .on('caughtUp', () => note('caughtUp'))
    .on('fellBehind', () => note('fellBehind'))
    .on('error', (error: Error) => note(error.constructor.name))
    .on('data', (resolved: ResolvedEvent) => {
      got.push(resolved);
      check();
    });
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      check = () => done() && resolve();
      check();
    });
  return { got, signals, until, unsubscribe: () => subscription.unsubscribe() };
}

/** What a subscription sends up to the present. */
export async function sentBy(subscription: Subscription): Promise<ResolvedEvent[]> {
  const { got, signals, until, unsubscribe } = follow(subscription);
  await until(() => signals.includes('caughtUp'));
  await unsubscribe();
  return got;
}
