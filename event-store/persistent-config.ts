/**
 * What groups there are, as one document in the log. Its names are EventStoreDB's; `firstPlace` is
 * ours: where a group starts that was told to start at the end.
 */
import { status as code } from '@grpc/grpc-js';
import { isStrategy } from './persistent-dispatch.ts';
import type { GroupConfig } from './persistent-group.ts';
import type { Filter } from './messages.ts';
import { refusal } from './refusals.ts';

export const CONFIG_STREAM = '$persistentSubscriptionConfig';

type Entry = Record<string, unknown>;

export function documentOf(configs: GroupConfig[]): object {
  const entries = configs.map(({ stream, group, filter, startPosition, startFrom, settings }) => ({
    stream,
    group,
    ...(filter && { filter: filterEntry(filter) }),
    resolveLinkTos: settings.resolveLinkTos,
    extraStatistics: settings.extraStatistics,
    messageTimeout: settings.messageTimeoutMs,
    startPosition,
    firstPlace: startFrom,
    liveBufferSize: settings.liveBufferSize,
    historyBufferSize: settings.historyBufferSize,
    maxRetryCount: settings.maxRetryCount,
    readBatchSize: settings.readBatchSize,
    checkPointAfter: settings.checkPointAfterMs,
    minCheckPointCount: settings.minCheckPointCount,
    maxCheckPointCount: settings.maxCheckPointCount,
    maxSubscriberCount: settings.maxSubscriberCount,
    namedConsumerStrategy: settings.strategy,
  }));
  return { version: '2', updated: new Date().toISOString(), entries };
}

const filterEntry = (filter: Filter): Entry => ({
  context: filter.on === 'stream' ? 'StreamId' : 'EventType',
  ...('regex' in filter
    ? { type: 'Regex', data: [filter.regex] }
    : { type: 'Prefix', data: filter.prefixes }),
});

/** Throws a refusal that says what is wrong with it: anybody may append to the stream. */
export function parseConfigs(document: string): GroupConfig[] {
  try {
    return (JSON.parse(document) as { entries: Entry[] }).entries.map(parseEntry);
  } catch (error) {
    const reason = (error as Error).message;
    throw refusal(code.INTERNAL, `The newest event of ${CONFIG_STREAM} is not legible: ${reason}`);
  }
}

function parseEntry(entry: Entry): GroupConfig {
  const value = <T extends 'string' | 'number' | 'boolean'>(
    key: string,
    type: T,
  ): { string: string; number: number; boolean: boolean }[T] => {
    if (typeof entry[key] !== type) throw new Error(`${key} is not a ${type}`);
    return entry[key] as { string: string; number: number; boolean: boolean }[T];
  };
  const strategy = value('namedConsumerStrategy', 'string');
  if (!isStrategy(strategy)) throw new Error(`${strategy} is not a consumer strategy`);
  return {
    stream: value('stream', 'string'),
    group: value('group', 'string'),
    filter: parseFilter(entry['filter'] as Entry | undefined),
    startPosition: value('startPosition', 'string'),
    startFrom: value('firstPlace', 'number'),
    settings: {
      resolveLinkTos: value('resolveLinkTos', 'boolean'),
      extraStatistics: value('extraStatistics', 'boolean'),
      messageTimeoutMs: value('messageTimeout', 'number'),
      maxRetryCount: value('maxRetryCount', 'number'),
      checkPointAfterMs: value('checkPointAfter', 'number'),
      minCheckPointCount: value('minCheckPointCount', 'number'),
      maxCheckPointCount: value('maxCheckPointCount', 'number'),
      maxSubscriberCount: value('maxSubscriberCount', 'number'),
      liveBufferSize: value('liveBufferSize', 'number'),
      readBatchSize: value('readBatchSize', 'number'),
      historyBufferSize: value('historyBufferSize', 'number'),
      strategy,
    },
  };
}

function parseFilter(entry: Entry | undefined): Filter | undefined {
  if (!entry) return undefined;
  const on = entry['context'] === 'StreamId' ? 'stream' : 'type';
  const data = entry['data'] as string[];
  return entry['type'] === 'Regex' ? { on, regex: data[0]! } : { on, prefixes: data };
}
