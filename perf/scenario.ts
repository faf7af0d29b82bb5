import type { Thread } from './profile.ts';
import type { Latency } from './shopper.ts';
import type { Usage } from './system.ts';

export type ScenarioOptions = {
  seconds: number;
  runs: number;
  events: number[];
  orders: number;
  /** Folder of the real orders. */
  data: string;
};

/** One figure beside its ceiling, both medians of the same run. */
export type Result = {
  name: string;
  what: string;
  value: number;
  ceiling: number;
  ceilingWhat: string;
  /** The share of the ceiling that it has to reach; 0 for what is only shown. */
  budget: number;
  /** For what should be low: the ceiling is what it may be at most. */
  atMost?: true;
  details?: unknown;
  /** Cores in use during the measured run, by process; absent where nothing was sent over HTTP. */
  cores?: Record<string, number>;
  latencies?: Latency[];
  /** Of every service, right after the load. */
  memory?: Usage[];
  /** Where the measured process's time went. */
  profile?: Thread[];
};
