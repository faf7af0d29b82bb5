/**
 * Three nodes of a cluster as a client sees one, in front of one store's log: their gossip names the
 * leader, and they do what they are told to, to die, to freeze, to refuse.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { EMPTY, frame, Message, unframe } from '../protobuf.ts';
import { decodeBatchAppend } from '../wire.ts';

const HOST = '127.0.0.1';
const NODES = 3;
/** From a leader's end until the others name another. */
const ELECTED_AFTER_DEATH_MS = 1_000;
const ELECTED_AFTER_FREEZE_MS = 8_000;
/** What a connection may hold unread, so that one slow reader holds up no other call on it. */
const SESSION_WINDOW_BYTES = 64 * 1024 * 1024;

const GOSSIP = '/event_store.client.gossip.Gossip/Read';
const READ = '/event_store.client.streams.Streams/Read';
const BATCH_APPEND = '/event_store.client.streams.Streams/BatchAppend';

const NOT_READY = 'Server Is Not Ready';
const NOT_LEADER = 'Leader info available';
const TOO_SLOW =
  'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.';

type State = gossipPb.MemberInfo.VNodeState;
const { VNodeState } = gossipPb.MemberInfo;

export type Cluster = Awaited<ReturnType<typeof startCluster>>;

/** In front of the store that listens at `storePort`. */
export async function startCluster(storePort: number) {
  const nodes: Node[] = [];
  const elections = new Set<NodeJS.Timeout>();
  let leader: Node | undefined;
  const gossip = { leader: () => leader, nodes: () => nodes };
  for (let i = 0; i < NODES; i++) nodes.push(await Node.start(storePort, gossip));
  leader = nodes[0];

  /** Resolves when another one than `lost` is named. */
  const elect = (lost: Node, afterMs: number): Promise<void> =>
    new Promise((resolve) => {
      const election = setTimeout(() => {
        elections.delete(election);
        lost.isAlive = false;
        leader = nodes.find((node) => node.isAlive);
        resolve();
      }, afterMs);
      elections.add(election);
    });

  return {
    /** A connection string that names all nodes. */
    url: `esdb://${nodes.map(({ port }) => `${HOST}:${port}`).join(',')}?tls=false`,
    nodes: nodes as readonly Node[],
    /** Whom the gossip names. */
    leader: (): Node => {
      if (!leader) throw new Error('there is no leader now');
      return leader;
    },
    /** It leads from now on, and nothing has happened to the one before it. */
    name(node: Node): void {
      leader = node;
    },
    /** Its connections end. The others name nobody at first, then another: then this resolves. */
    async die(node: Node, electedAfterMs = ELECTED_AFTER_DEATH_MS): Promise<void> {
      node.die();
      node.isAlive = false;
      if (leader !== node) return;
      leader = undefined;
      await elect(node, electedAfterMs);
    },
    /**
     * It takes connections and says nothing. The others go on naming it for a while, then another:
     * then this resolves.
     */
    async freeze(node: Node, electedAfterMs = ELECTED_AFTER_FREEZE_MS): Promise<void> {
      node.freeze();
      await elect(node, electedAfterMs);
    },
    /** A node that died or froze is back, as a follower. */
    async revive(node: Node): Promise<void> {
      await node.revive();
      node.isAlive = true;
      leader ??= node;
    },
    async close(): Promise<void> {
      for (const election of elections) clearTimeout(election);
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}

/** One address of the cluster. */
export class Node {
  readonly #front: Server;
  readonly #sockets = new Set<Socket>();
  readonly #door: Door;
  #isFrozen = false;
  port = 0;

  static async start(storePort: number, gossip: Gossip): Promise<Node> {
    const node: Node = new Node(await Door.open(storePort, gossip, () => node));
    await node.#listen();
    return node;
  }

  private constructor(door: Door) {
    this.#door = door;
    // A frozen process takes connections all the same: the operating system does so for it.
    this.#front = createServer((socket) => {
      this.#keep(socket);
      if (this.#isFrozen) return socket.resume();
      const inwards = connect({ host: HOST, port: door.port });
      this.#keep(inwards);
      return socket.pipe(inwards).pipe(socket);
    });
  }

  /** Whether the gossip says so. */
  isAlive = true;

  /** As one that has just been started: it refuses what it is asked, but for the gossip. */
  set isReady(isReady: boolean) {
    this.#door.isReady = isReady;
  }

  /** Ends every call as a server that is being stopped does: the client sees INTERNAL. */
  endCalls(): void {
    this.#door.endCalls();
  }

  /** Ends every subscription as a server does whose subscriber is too slow; tells how many. */
  endSubscriptions(): number {
    return this.#door.endSubscriptions();
  }

  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.resume();
    }
  }

  die(): void {
    this.#front.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async revive(): Promise<void> {
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#front.listening) await this.#listen();
  }

  async close(): Promise<void> {
    this.die();
    await this.#door.close();
  }

  async #listen(): Promise<void> {
    this.#front.listen(this.port, HOST);
    await once(this.#front, 'listening');
    this.port = (this.#front.address() as AddressInfo).port;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // Either end may break off at any time: that is what this is for.
    socket.on('error', () => socket.destroy());
  }
}

type Gossip = { leader: () => Node | undefined; nodes: () => Node[] };

/** What a node's calls go through to the store. */
class Door {
  readonly #gossip: Gossip;
  readonly #self: () => Node;
  readonly #store: ClientHttp2Session;
  readonly #server = createHttp2Server();
  readonly #calls = new Set<Call>();
  isReady = true;

  static async open(storePort: number, gossip: Gossip, self: () => Node): Promise<Door> {
    const store = connectHttp2(`http://${HOST}:${storePort}`);
    await once(store, 'connect');
    store.setLocalWindowSize(SESSION_WINDOW_BYTES);
    const door = new Door(store, gossip, self);
    door.#server.listen(0, HOST);
    await once(door.#server, 'listening');
    return door;
  }

  private constructor(store: ClientHttp2Session, gossip: Gossip, self: () => Node) {
    this.#store = store;
    this.#gossip = gossip;
    this.#self = self;
    // The store may end before its cluster does: every call hears of it.
    store.on('error', () => {});
    this.#server.on('sessionError', () => {});
    this.#server.on('session', (session) => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
    this.#server.on('stream', (stream, headers) =>
      this.#serve(stream as ServerHttp2Stream, headers),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  endCalls(): void {
    for (const call of this.#calls) call.reset();
  }

  endSubscriptions(): number {
    const subscriptions = [...this.#calls].filter(({ isSubscription }) => isSubscription);
    for (const call of subscriptions) call.end(status.ABORTED, TOO_SLOW);
    return subscriptions.length;
  }

  async close(): Promise<void> {
    this.#store.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Whoever is called may break off at any time.
    stream.on('error', () => {});
    const path = headers[':path'];
    if (path === GOSSIP) return tellGossip(stream, this.#gossip);
    // A batch is opened all the same, and each append of it refused by itself.
    if (!this.isReady && path !== BATCH_APPEND)
      return refuse(stream, status.UNAVAILABLE, NOT_READY);
    const leader = this.#gossip.leader();
    const needsLeader = headers['requires-leader'] === 'true';
    if (needsLeader && leader !== this.#self())
      return leader
        ? refuse(stream, status.NOT_FOUND, NOT_LEADER, {
            exception: 'not-leader',
            'leader-endpoint-host': HOST,
            'leader-endpoint-port': String(leader.port),
          })
        : refuse(stream, status.UNKNOWN, 'No leader info available in response');
    if (this.#store.destroyed) return refuse(stream, status.UNAVAILABLE, 'The store has ended.');
    const call = new Call(stream, this.#store.request(onwards(headers)));
    this.#calls.add(call);
    stream.on('close', () => this.#calls.delete(call));
    if (path === BATCH_APPEND) call.forwardAppends(() => this.#whyNotAppend(needsLeader));
    else call.forward(path === READ);
    return undefined;
  }

  #whyNotAppend(needsLeader: boolean): string | undefined {
    if (!this.isReady) return NOT_READY;
    return needsLeader && this.#gossip.leader() !== this.#self() ? NOT_LEADER : undefined;
  }
}

const onwards = (headers: IncomingHttpHeaders): OutgoingHttpHeaders => {
  const { ':scheme': _scheme, ':authority': _authority, ...others } = headers;
  return others;
};

/** A call of a client's, with the store's of the same kind behind it. */
class Call {
  readonly #stream: ServerHttp2Stream;
  readonly #behind: ClientHttp2Stream;
  #trailers: OutgoingHttpHeaders = {};
  isSubscription = false;

  constructor(stream: ServerHttp2Stream, behind: ClientHttp2Stream) {
    this.#stream = stream;
    this.#behind = behind;
    stream.on('wantTrailers', () => stream.sendTrailers(this.#trailers));
    stream.on('close', () => behind.close(constants.NGHTTP2_CANCEL));
    behind.on('error', () => {});
    behind.on('response', ({ ...headers }, flags) => {
      if (stream.destroyed || stream.headersSent) return;
      const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(headers, endStream ? { endStream } : { waitForTrailers: true });
    });
    behind.on('trailers', ({ ...trailers }) => (this.#trailers = trailers));
    behind.pipe(stream);
    behind.on('close', () => {
      if (behind.rstCode !== constants.NGHTTP2_NO_ERROR) stream.close(behind.rstCode);
    });
  }

  forward(isRead: boolean): void {
    if (isRead)
      this.#stream.once('data', (chunk: Buffer) => {
        const [request] = unframe(chunk);
        const { options } = streamsPb.ReadReq.deserializeBinary(request!).toObject();
        this.isSubscription = options?.subscription !== undefined;
      });
    this.#stream.pipe(this.#behind);
  }

  /** Each append of a call for itself; a refused one leaves the call open. */
  forwardAppends(whyNot: () => string | undefined): void {
    let rest: Buffer = EMPTY;
    this.#stream.on('data', (chunk: Buffer) => {
      const bytes = Buffer.concat([rest, chunk]);
      let at = 0;
      for (let end = endOfFrame(bytes, at); end <= bytes.length; end = endOfFrame(bytes, at)) {
        const request = bytes.subarray(at, end);
        const refused = whyNot();
        if (refused === undefined) this.#behind.write(request);
        else this.#refuseAppend(unframe(request)[0]!, refused);
        at = end;
      }
      rest = bytes.subarray(at);
    });
    this.#stream.on('end', () => this.#behind.end());
  }

  #refuseAppend(request: Buffer, message: string): void {
    if (!this.#stream.headersSent) this.#stream.respond(ANSWER_HEADERS, { waitForTrailers: true });
    const nothing = new Message().text(1, 'type.googleapis.com/google.protobuf.Empty');
    const why = new Message().number(1, status.UNAVAILABLE).text(2, message).message(3, nothing);
    const answer = new Message().bytes(1, decodeBatchAppend(request).correlation).message(2, why);
    this.#stream.write(frame([answer.finish()]));
  }

  reset(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  end(code: status, message: string): void {
    this.#behind.unpipe(this.#stream);
    if (!this.#stream.headersSent) return refuse(this.#stream, code, message);
    this.#trailers = statusHeaders(code, message);
    this.#stream.end();
    return undefined;
  }
}

/** Beyond the bytes where its length is not there yet. */
const endOfFrame = (bytes: Buffer, at: number): number =>
  at + 5 > bytes.length ? Infinity : at + 5 + bytes.readUInt32BE(at + 1);

const ANSWER_HEADERS = { ':status': 200, 'content-type': 'application/grpc+proto' };

const statusHeaders = (code: status, message: string): OutgoingHttpHeaders => ({
  'grpc-status': String(code),
  'grpc-message': encodeURI(message),
});

function refuse(
  stream: ServerHttp2Stream,
  code: status,
  message: string,
  trailers: OutgoingHttpHeaders = {},
): void {
  const headers = { ...ANSWER_HEADERS, ...statusHeaders(code, message), ...trailers };
  stream.respond(headers, { endStream: true });
  stream.resume();
}

function tellGossip(stream: ServerHttp2Stream, gossip: Gossip): void {
  const cluster = new gossipPb.ClusterInfo();
  const leader = gossip.leader();
  cluster.setMembersList(
    gossip
      .nodes()
      .map((node) => member(node, node === leader ? VNodeState.LEADER : VNodeState.FOLLOWER)),
  );
  stream.respond(ANSWER_HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(statusHeaders(status.OK, '')));
  stream.end(frame([cluster.serializeBinary()]));
}

function member({ port, isAlive }: Node, state: State): gossipPb.MemberInfo {
  const id = new sharedPb.UUID();
  id.setString(randomUUID());
  const address = new gossipPb.EndPoint();
  address.setAddress(HOST);
  address.setPort(port);
  const info = new gossipPb.MemberInfo();
  info.setInstanceId(id);
  info.setTimeStamp(String(Date.now() * 10_000));
  info.setState(state);
  info.setIsAlive(isAlive);
  info.setHttpEndPoint(address);
  return info;
}
