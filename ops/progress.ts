import { count, duration } from './format.ts';

const BAR_WIDTH = 24;
/** Redraws on a terminal; a line each where the output is a file or a pipe. */
const REDRAW_MS = 100;
const LINE_MS = 5_000;
/** Before that, a rate says more about the start than about the rest. */
const MIN_RATED_MS = 500;
const RETURN_AND_CLEAR = '\r\u001b[K';

export type Step = {
  /** How many of `unit` are done. */
  done: number;
  /** Of all that is to be done, 0 to 1; undefined where nobody knows how much that is. */
  fraction: number | undefined;
};

/** What `Progress` shows: `rebuilding  ██████░░░░  60 %  1,200 events  400/s  2.0 s left`. */
export function progressLine(label: string, unit: string, step: Step, elapsedMs: number): string {
  const parts = [label];
  const { done, fraction } = step;
  if (fraction !== undefined) {
    const filled = Math.round(fraction * BAR_WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
    parts.push(`${bar} ${String(Math.floor(fraction * 100)).padStart(3)} %`);
  }
  parts.push(`${count(done)} ${unit}`);
  if (elapsedMs >= MIN_RATED_MS && done > 0) {
    parts.push(`${count(Math.round((done / elapsedMs) * 1000))}/s`);
    if (fraction && fraction < 1)
      parts.push(`${duration((elapsedMs * (1 - fraction)) / fraction)} left`);
  }
  return parts.join('  ');
}

/** How far some work has come, on stderr: a bar that redraws itself, or lines now and then. */
export class Progress {
  #label: string;
  #unit: string;
  #step: Step | undefined;
  #startedMs = performance.now();
  #isTerminal = process.stderr.isTTY;
  #shownMs = this.#isTerminal ? -Infinity : this.#startedMs;

  constructor(label: string, unit: string) {
    this.#label = label;
    this.#unit = unit;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  update(step: Step): void {
    const fraction = step.fraction === undefined ? undefined : Math.min(step.fraction, 1);
    this.#step = { done: step.done, fraction };
    const everyMs = this.#isTerminal ? REDRAW_MS : LINE_MS;
    if (performance.now() - this.#shownMs >= everyMs) this.#show();
  }

  /** Says something else without tearing the bar. */
  say(text: string): void {
    process.stderr.write(`${this.#isTerminal ? RETURN_AND_CLEAR : ''}${text}\n`);
    if (this.#isTerminal) this.#show();
  }

  /** Leaves the last state on the screen. */
  end(): void {
    if (!this.#step) return;
    this.#show();
    if (this.#isTerminal) process.stderr.write('\n');
    this.#step = undefined;
  }

  #show(): void {
    if (!this.#step) return;
    this.#shownMs = performance.now();
    const line = progressLine(this.#label, this.#unit, this.#step, this.elapsedMs);
    if (!this.#isTerminal) return void process.stderr.write(`${line}\n`);
    // A line that wraps cannot be taken back.
    const width = process.stderr.columns || 80;
    process.stderr.write(RETURN_AND_CLEAR + line.slice(0, width - 1));
  }
}
