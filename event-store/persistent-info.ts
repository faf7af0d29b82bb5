/** What a group tells of itself. */
import persistentPb from '@eventstore/db-client/generated/persistent_pb.js';
import type { Consumer } from './persistent-dispatch.ts';
import { ALL, type Group } from './persistent-group.ts';

/** How EventStoreDB tells of no time for checkpoints. */
const NEVER_MS = 2 ** 31 - 1;

export async function infoOf(group: Group): Promise<persistentPb.SubscriptionInfo> {
  const { config, dispatch } = group;
  const { settings } = config;
  const { isLive, lastCheckpointed, lastKnown, parked } = await group.figures();
  const { fresh, again, outstanding } = dispatch.counts;
  const nowMs = performance.now();
  const { total, sinceLast, perSecond } = dispatch.meter.measure(nowMs);
  const position = (place: number | undefined): string => {
    if (place === undefined) return '';
    return config.stream === ALL ? `C:${place}/P:${place}` : String(place);
  };
  return new persistentPb.SubscriptionInfo()
    .setEventSource(config.stream)
    .setGroupName(config.group)
    .setStatus(isLive ? 'Live' : 'Behind')
    .setConnectionsList(dispatch.consumers.map((consumer) => connectionInfo(consumer, nowMs)))
    .setAveragePerSecond(perSecond)
    .setTotalItems(String(total))
    .setCountSinceLastMeasurement(String(sinceLast))
    .setLastCheckpointedEventPosition(position(lastCheckpointed))
    .setLastKnownEventPosition(position(lastKnown))
    .setResolveLinkTos(settings.resolveLinkTos)
    .setStartFrom(config.startPosition)
    .setMessageTimeoutMilliseconds(settings.messageTimeoutMs)
    .setExtraStatistics(settings.extraStatistics)
    .setMaxRetryCount(settings.maxRetryCount)
    .setLiveBufferSize(settings.liveBufferSize)
    .setBufferSize(settings.historyBufferSize)
    .setReadBatchSize(settings.readBatchSize)
    .setCheckPointAfterMilliseconds(settings.checkPointAfterMs || NEVER_MS)
    .setMinCheckPointCount(settings.minCheckPointCount)
    .setMaxCheckPointCount(settings.maxCheckPointCount)
    .setReadBufferCount(isLive ? 0 : fresh)
    .setLiveBufferCount(String(isLive ? fresh : 0))
    .setRetryBufferCount(again)
    .setTotalInFlightMessages(dispatch.consumers.reduce((sum, { inFlight }) => sum + inFlight, 0))
    .setOutstandingMessagesCount(outstanding)
    .setNamedConsumerStrategy(settings.strategy)
    .setMaxSubscriberCount(settings.maxSubscriberCount)
    .setParkedMessageCount(String(parked));
}

function connectionInfo(
  { connection, meter, inFlight, availableSlots, latenciesMs }: Consumer,
  nowMs: number,
): persistentPb.SubscriptionInfo.ConnectionInfo {
  const { total, sinceLast, perSecond } = meter.measure(nowMs);
  return new persistentPb.SubscriptionInfo.ConnectionInfo()
    .setFrom(connection.from)
    .setUsername(connection.username)
    .setConnectionName(connection.name)
    .setAverageItemsPerSecond(perSecond)
    .setTotalItems(String(total))
    .setCountSinceLastMeasurement(String(sinceLast))
    .setAvailableSlots(availableSlots)
    .setInFlightMessages(inFlight)
    .setObservedMeasurementsList(measurements(latenciesMs));
}

/** From sending to acknowledgement, in whole milliseconds, under EventStoreDB's names. */
function measurements(latenciesMs: number[]): persistentPb.SubscriptionInfo.Measurement[] {
  if (latenciesMs.length === 0) return [];
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const mean = sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length;
  const at = (share: number): number =>
    sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)]!;
  const figures = {
    Mean: mean,
    Median: at(0.5),
    Fastest: at(0),
    'Quintile 1': at(0.2),
    'Quintile 2': at(0.4),
    'Quintile 3': at(0.6),
    'Quintile 4': at(0.8),
    'Quintile 5': at(1),
    '90%': at(0.9),
    '95%': at(0.95),
    '99%': at(0.99),
    '99.5%': at(0.995),
    '99.9%': at(0.999),
    Highest: at(1),
  };
  return Object.entries(figures).map(([key, ms]) =>
    new persistentPb.SubscriptionInfo.Measurement().setKey(key).setValue(String(Math.round(ms))),
  );
}
