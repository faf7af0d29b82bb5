import { readFileSync, readdirSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(import.meta.dirname, '..');
/** Smaller shares are told together. */
const LEAST_SHARE = 0.02;
/** A thread that did next to nothing is left out. */
const LEAST_SECONDS = 0.1;

type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
};

export type Thread = { name: string; busySeconds: number; shares: Record<string, number> };

/** Node names a function of its own C++ or of SQLite without a file. */
function sourceOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url.startsWith('node:')) return 'Node';
  if (!url.startsWith('file:')) return 'Node and SQLite, native';
  const file = relative(ROOT, fileURLToPath(url));
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
  return library ?? `${functionName || 'an unnamed function'} in ${basename(file)}`;
}

/** Where each thread's time went, from what `node --cpu-prof` left in a folder; idle time aside. */
export function readProfiles(dir: string): Thread[] {
  const files = readdirSync(dir).filter((name) => name.endsWith('.cpuprofile'));
  const threads = files.map((file) => {
    const profile = JSON.parse(readFileSync(join(dir, file), 'utf8')) as CpuProfile;
    const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    const spent = new Map<string, number>();
    for (const [index, id] of profile.samples.entries()) {
      const frame = places.get(id)!;
      if (/^\((?:idle|root|program)\)$/.test(frame.functionName)) continue;
      const place = sourceOf(frame);
      spent.set(place, (spent.get(place) ?? 0) + profile.timeDeltas[index]! / 1e6);
    }
    const busySeconds = [...spent.values()].reduce((sum, seconds) => sum + seconds, 0);
    const sorted = [...spent].toSorted(([, a], [, b]) => b - a);
    const shares: Record<string, number> = {};
    for (const [place, seconds] of sorted) {
      const name = seconds / busySeconds < LEAST_SHARE ? 'other' : place;
      shares[name] = (shares[name] ?? 0) + seconds / busySeconds;
    }
    return { name: nameOf(Object.keys(shares)), busySeconds, shares };
  });
  return threads.filter(({ busySeconds }) => busySeconds >= LEAST_SECONDS);
}

/** A profile does not say whose it is: the worker's own file does. */
const nameOf = (places: string[]): string =>
  places.map((place) => /([a-z]+-worker)\.ts$/.exec(place)?.[1]).find(Boolean) ?? 'main';

/** A line for each thread, the busiest first. */
export const profileLines = (threads: Thread[]): string[] =>
  threads
    .toSorted((a, b) => b.busySeconds - a.busySeconds)
    .map(({ name, busySeconds, shares }) => {
      const parts = Object.entries(shares).map(
        ([place, share]) => `${Math.round(100 * share)} % ${place}`,
      );
      return `- ${name}, busy for ${busySeconds.toFixed(1)} s: ${parts.join(', ')}`;
    });
