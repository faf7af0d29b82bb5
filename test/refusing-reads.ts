import { PassThrough } from 'node:stream';
import type streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { Metadata, status } from '@grpc/grpc-js';
import type { EventStore } from '../platform/event-store.ts';

type Streams = streamsGrpc.StreamsClient;
type Open = (streams: Streams) => unknown;
type Opener = (service: unknown, name: string, open: Open, ...more: unknown[]) => unknown;

/**
 * A client whose reads from a position of the whole log are answered as EventStoreDB answers one from
 * between two events: UNKNOWN, each time.
 */
export function refusingReads(client: EventStore): EventStore {
  const { GRPCStreamCreator: real } = client as unknown as { GRPCStreamCreator: Opener };
  const opener: Opener = function opened(this: EventStore, service, name, open, ...more) {
    return real.call(this, service, name, (streams) => open(refusing(streams)), ...more);
  };
  return Object.create(client, { GRPCStreamCreator: { value: opener } }) as EventStore;
}

const refusing = (streams: Streams): Streams =>
  new Proxy(streams, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      if (property !== 'makeServerStreamRequest') return value.bind(target) as unknown;
      return (...asked: Parameters<Streams['makeServerStreamRequest']>) => {
        const request = asked[3] as streamsPb.ReadReq;
        if (request.getOptions()?.getAll()?.hasPosition()) return refused();
        return value.apply(target, asked) as unknown;
      };
    },
  });

function refused(): PassThrough {
  const call = new PassThrough({ objectMode: true });
  const details = 'Unexpected ReadAllResult: Error';
  const error = { code: status.UNKNOWN, details, metadata: new Metadata() };
  call.destroy(Object.assign(new Error(details), error));
  return Object.assign(call, { cancel: () => {} });
}
