import * as fs from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILED } from '../local/service.ts';

type Range = { startOffset: number; endOffset: number; count: number };
/** What V8 writes at the end of a process with NODE_V8_COVERAGE. */
type ProcessCoverage = { result: { url: string; functions: { ranges: Range[] }[] }[] };

/**
 * Flags for Node, so that a process measures itself and none that it starts. Those keep what Node
 * compiles, as the system's own processes do; a process that is measured may not, or it counts less.
 */
export const MEASURE_ITSELF = [
  '--import',
  `data:text/javascript,${[
    'delete process.env.NODE_V8_COVERAGE',
    `process.env.NODE_COMPILE_CACHE=${JSON.stringify(COMPILED)}`,
  ].join(';')}`,
];

type Source = {
  text: string;
  /** 1 at each offset that some process has run. */
  ran: Uint8Array;
  /** Where each branch that V8 told of begins, by its range. */
  branches: Map<string, number>;
};

/**
 * Which branches of some rooms a run of tests took. A branch is a function, or a block of code that
 * V8 counts by itself: an arm of a condition, what follows an early return, a right side of `??`.
 * An arm that is not written, as the missing `else`, is none.
 */
export class BranchCoverage {
  readonly #root: string;
  readonly #rooms: string[];
  readonly #sources = new Map<string, Source>();

  constructor(root: string, rooms: string[]) {
    this.#root = root;
    this.#rooms = rooms;
  }

  /** Takes in what the processes wrote into this folder, and removes it. */
  add(dir: string): void {
    for (const name of fs.existsSync(dir) ? fs.readdirSync(dir) : []) {
      const text = fs.readFileSync(join(dir, name), 'utf8');
      this.#addProcess(JSON.parse(text) as ProcessCoverage);
    }
    fs.rmSync(dir, { recursive: true, force: true });
  }

  #addProcess({ result }: ProcessCoverage): void {
    for (const { url, functions } of result) {
      if (!url.startsWith('file:')) continue;
      const file = relative(this.#root, fileURLToPath(url));
      const counted = this.#rooms.some((room) => file.startsWith(`${room}/`));
      if (!counted || file.endsWith('.test.ts')) continue;
      const source = this.#sourceOf(file);
      const ranges = functions.flatMap((each) => each.ranges);
      const ran = new Uint8Array(source.ran.length);
      // What is inside comes after what is around it, and says more.
      ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
      for (const { startOffset, endOffset, count } of ranges) {
        ran.fill(Number(count > 0), startOffset, endOffset);
        // The first is the module itself.
        if (startOffset > 0) source.branches.set(`${startOffset}-${endOffset}`, startOffset);
      }
      for (const [offset, did] of ran.entries()) if (did) source.ran[offset] = 1;
    }
  }

  #sourceOf(file: string): Source {
    const known = this.#sources.get(file);
    if (known) return known;
    const text = fs.readFileSync(join(this.#root, file), 'utf8');
    const source = { text, ran: new Uint8Array(text.length), branches: new Map() };
    this.#sources.set(file, source);
    return source;
  }

  /** The lines of a room's files where a branch begins that nothing took; how many there are. */
  gaps(room: string): { branches: number; gaps: { file: string; lines: number[] }[] } {
    let branches = 0;
    const gaps = [];
    for (const [file, source] of this.#sources) {
      if (!file.startsWith(`${room}/`)) continue;
      branches += source.branches.size;
      const missed = [...source.branches.values()].filter((offset) => !source.ran[offset]);
      const lines = missed.map((offset) => source.text.slice(0, offset).split('\n').length);
      if (lines.length > 0) gaps.push({ file, lines: lines.toSorted((a, b) => a - b) });
    }
    return { branches, gaps: gaps.toSorted((a, b) => b.lines.length - a.lines.length) };
  }
}

const SHOWN_FILES = 5;

/** A line for a room, e.g. `branches of domain: 97.9 % of 1408, open: cart/cart.ts 4, …`. */
export function coverageLine(coverage: BranchCoverage, room: string): string {
  const { branches, gaps } = coverage.gaps(room);
  const missed = gaps.reduce((sum, { lines }) => sum + lines.length, 0);
  const percent = branches === 0 ? 100 : (100 * (branches - missed)) / branches;
  const worst = gaps
    .slice(0, SHOWN_FILES)
    .map(({ file, lines }) => `${file.slice(room.length + 1)} ${lines.length}`);
  const open = worst.length > 0 ? `, open: ${worst.join(', ')}` : '';
  return `branches of ${room}: ${percent.toFixed(1)} % of ${branches}${open}`;
}

/** Each place where a branch begins that nothing took, `file:line` a line. */
export const openBranches = (coverage: BranchCoverage, rooms: string[]): string =>
  rooms
    .flatMap((room) => coverage.gaps(room).gaps)
    .flatMap(({ file, lines }) => [...new Set(lines)].map((line) => `${file}:${line}\n`))
    .join('');
