import { PassThrough } from 'node:stream';
import type { EventStore } from '../platform/event-store.ts';

type Opener = (service: unknown, name: string, open: unknown, cache: unknown) => unknown;

/**
 * A client whose reads from a position of the whole log are answered as EventStoreDB answers one from
 * between two events: UNKNOWN, each time.
 */
export function refusingReads(client: EventStore): EventStore {
  const { GRPCStreamCreator: real } = client as unknown as Record<string, Opener>;
  const opener = function opened(this: EventStore, ...asked: Parameters<Opener>) {
    if (asked[1] !== 'readRawLog') return real!.call(this, ...asked);
    const call = new PassThrough({ objectMode: true });
    call.destroy(Object.assign(new Error('2 UNKNOWN: ReadAllResult: Error'), { code: 2 }));
    return async () => Object.assign(call, { cancel: () => {} });
  };
  return Object.create(client, { GRPCStreamCreator: { value: opener } }) as EventStore;
}
