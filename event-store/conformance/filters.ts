import assert from 'node:assert/strict';
import {
  END,
  eventTypeFilter,
  excludeSystemEvents,
  streamNameFilter,
  type AllStreamSubscription,
  type Filter,
  type Position,
} from '@eventstore/db-client';
import {
  event,
  events,
  follow,
  ids,
  newCategory,
  sentBy,
  type Cases,
  type Server,
} from './case.ts';

/** Appends to two categories of its own, and gives the types that come through a filter. */
async function throughFilters({ client, newStream }: Server): Promise<{
  apple: string;
  pear: string;
  through: (filter: Filter) => Promise<(string | undefined)[]>;
}> {
  const [apple, pear] = [newCategory(), newCategory()];
  const { position } = await client.appendToStream(newStream(), event());
  await client.appendToStream(newStream(apple), [event('Red'), event('$system')]);
  await client.appendToStream(newStream(pear), [event('Green'), event('Ripe')]);
  await client.appendToStream(newStream(), event('Last'));
  const through = async (filter: Filter): Promise<(string | undefined)[]> => {
    const got = await sentBy(client.subscribeToAll({ fromPosition: position!, filter }));
    // Another writer's events, and the server's own, may be in between.
    const own = ['Red', '$system', 'Green', 'Ripe', 'Last'];
    return got.map((each) => each.event!.type).filter((type) => own.includes(type));
  };
  return { apple, pear, through };
}

export const filters: Cases = {
  'a filter chooses streams by prefixes': async (server) => {
    const { apple, pear, through } = await throughFilters(server);
    const both = streamNameFilter({ prefixes: [`${pear}-`, `${apple}-`] });
    assert.deepEqual(await through(both), ['Red', '$system', 'Green', 'Ripe']);
    assert.deepEqual(await through(streamNameFilter({ prefixes: [pear] })), ['Green', 'Ripe']);
  },

  'a filter chooses streams by a regular expression': async (server) => {
    const { pear, through } = await throughFilters(server);
    const regex = `^${pear.slice(0, -1)}.-`;
    assert.deepEqual(await through(streamNameFilter({ regex })), ['Green', 'Ripe']);
  },

  'a filter chooses types by prefixes': async (server) => {
    const { through } = await throughFilters(server);
    assert.deepEqual(await through(eventTypeFilter({ prefixes: ['R'] })), ['Red', 'Ripe']);
    assert.deepEqual(await through(eventTypeFilter({ prefixes: ['Gre', '$sys'] })), [
      '$system',
      'Green',
    ]);
  },

  'a filter chooses types by a regular expression': async (server) => {
    const { through } = await throughFilters(server);
    assert.deepEqual(await through(eventTypeFilter({ regex: 'e+n$|^Last' })), ['Green', 'Last']);
  },

  'a filter without a prefix lets nothing through': async (server) => {
    const { through } = await throughFilters(server);
    assert.deepEqual(await through(streamNameFilter({ prefixes: [] })), []);
    assert.deepEqual(await through(eventTypeFilter({ prefixes: [] })), []);
  },

  'a regular expression counts before prefixes': async (server) => {
    const { through } = await throughFilters(server);
    const both = { ...eventTypeFilter({ prefixes: ['Red'] }), regex: '^Green' } as Filter;
    assert.deepEqual(await through(both), ['Green']);
  },

  'excludeSystemEvents leaves out the types that begin with $': async (server) => {
    const { through } = await throughFilters(server);
    assert.deepEqual(await through(excludeSystemEvents()), ['Red', 'Green', 'Ripe', 'Last']);
  },

  'a filter holds for live events': async ({ client, newStream }) => {
    const category = newCategory();
    const filter = streamNameFilter({ prefixes: [category] });
    const subscription = client.subscribeToAll({ fromPosition: END, filter });
    const { got, signals, until } = follow(subscription);
    await until(() => signals.includes('caughtUp'));
    const [first, second] = [event(), event()];
    await client.appendToStream(newStream(category), first);
    await client.appendToStream(newStream(), event());
    await client.appendToStream(newStream(category), second);
    await until(() => got.length === 2);
    assert.deepEqual(ids(got), [first.id, second.id]);
    await subscription.unsubscribe();
  },

  'checkpoints come while nothing matches, and a subscription goes on from one': async ({
    client,
    newStream,
  }) => {
    const type = newCategory();
    const { position: before } = await client.appendToStream(newStream(), event());
    const { position: after } = await client.appendToStream(newStream(), events(400));
    const checkpoints: Position[] = [];
    const options = {
      prefixes: [type],
      maxSearchWindow: 32,
      checkpointInterval: 2,
      checkpointReached: (_: AllStreamSubscription, position: Position): void => {
        checkpoints.push(position);
      },
    };
    await sentBy(
      client.subscribeToAll({ fromPosition: before!, filter: eventTypeFilter(options) }),
    );
    const commits = checkpoints.map(({ commit }) => commit);
    const within = commits.filter((each) => each > before!.commit && each <= after!.commit);
    assert.ok(within.length >= 4, `${within.length} checkpoints in 400 events`);
    assert.ok(commits.every((each, at) => at === 0 || each > commits[at - 1]!));

    const wanted = event(type);
    await client.appendToStream(newStream(), wanted);
    const got = await sentBy(
      client.subscribeToAll({
        fromPosition: checkpoints.at(-1)!,
        filter: eventTypeFilter(options),
      }),
    );
    assert.deepEqual(ids(got), [wanted.id]);
  },

  'a longer interval has fewer checkpoints': async ({ client, newStream }) => {
    const { position: before } = await client.appendToStream(newStream(), event());
    const { position: after } = await client.appendToStream(newStream(), events(400));
    const count = async (checkpointInterval: number): Promise<number> => {
      let checkpoints = 0;
      const filter = eventTypeFilter({
        prefixes: [newCategory()],
        maxSearchWindow: 10,
        checkpointInterval,
        checkpointReached: (_: AllStreamSubscription, { commit }: Position): void => {
          if (commit <= after!.commit) checkpoints += 1;
        },
      });
      await sentBy(client.subscribeToAll({ fromPosition: before!, filter }));
      return checkpoints;
    };
    const [short, long] = [await count(1), await count(10)];
    assert.ok(long >= 1 && short > 2 * long, `${short} against ${long}`);
  },

  'a filter that is no expression is refused': async ({ client }) => {
    const subscription = client.subscribeToAll({ filter: eventTypeFilter({ regex: '(' }) });
    const { signals, until } = follow(subscription);
    await until(() => signals.some((signal) => signal.endsWith('Error')));
  },
};
