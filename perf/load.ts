import autocannon from 'autocannon';
import type { System } from './system.ts';

export type Load = {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Cores in use during the run: the generator, and each service above a hundredth. */
  cores: Record<string, number>;
};

export type LoadOptions = {
  url: string;
  connections: number;
  seconds: number;
  /** Called for each connection, with its number. */
  setupClient?: (client: autocannon.Client, index: number) => void;
};

/**
 * Sends requests as fast as they are answered, from this process, for a while. Throws when any was
 * answered with an error: a rate of failures is no rate.
 */
export async function load(
  { url, connections, seconds, setupClient }: LoadOptions,
  system: System,
): Promise<Load> {
  const coresSince = startMeter(system);
  let index = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(setupClient && { setupClient: (client) => setupClient(client, index++) }),
  });
  const failed = result.non2xx + result.errors + result.timeouts;
  if (failed > 0) throw new Error(`${failed} of the requests to ${url} failed`);
  return {
    requestsPerSecond: Math.round(result.requests.average),
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cores: coresSince(seconds),
  };
}

/** What this process, as the generator, and each service use from now on: in cores. */
export function startMeter(system: System): (seconds: number) => Record<string, number> {
  const before = new Map(system.usage().map(({ name, cpuSeconds }) => [name, cpuSeconds]));
  const cpuBefore = process.cpuUsage();
  return (seconds) => {
    const cpu = process.cpuUsage(cpuBefore);
    const cores: Record<string, number> = {
      generator: round((cpu.user + cpu.system) / 1e6 / seconds),
    };
    for (const { name, cpuSeconds } of system.usage()) {
      const share = round((cpuSeconds - (before.get(name) ?? 0)) / seconds);
      if (share >= 0.01) cores[name] = share;
    }
    return cores;
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** In milliseconds, to a tenth; what as many as `share` of the values do not pass. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return Math.round(10 * sorted[at]!) / 10;
}

/** The run whose rate is the median one: its other figures belong to it. */
export function medianRun<Run extends Load>(runs: Run[]): Run {
  return runs.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond)[runs.length >> 1]!;
}
