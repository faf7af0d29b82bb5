import {
  asStored,
  connectEventStore,
  headOfEvents,
  type EventStore,
} from '../platform/event-store.ts';
import type { Service } from './supervisor.ts';

export type NamedStore = Service & {
  /** Whether the log had no events but the event store's own when it first answered. */
  wasEmpty(): boolean;
};

/** An event store that somebody else runs, in the place of ours: we only wait for it. */
export function namedStore(url: string): NamedStore {
  let client: EventStore | undefined;
  let wasEmpty: boolean | undefined;
  return {
    name: 'event-store',
    needs: [],
    wasEmpty: () => wasEmpty === true,
    async launch() {
      client = connectEventStore(url, asStored);
      const stopped = Promise.withResolvers<string>();
      return {
        exited: stopped.promise,
        async stop() {
          await client?.dispose();
          stopped.resolve('it is no longer asked');
        },
      };
    },
    async ready() {
      if (!client) return false;
      const head = await headOfEvents(client);
      wasEmpty ??= head === 0n;
      return true;
    },
  };
}
