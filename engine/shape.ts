import type { Shape } from './decider.ts';
import type { StoredEvent } from '../platform/event-store.ts';

/** What is wrong with a value, after the path to it: `.lines[2].sku is missing`. */
type Check = (value: unknown) => string | undefined;

/** An event says something else than its name promises. Nobody can go on from it by guessing. */
export class MalformedEvent extends Error {
  /** Without which event it is. */
  readonly problem: string;

  constructor({ type, stream }: Pick<StoredEvent, 'type' | 'stream'>, problem: string) {
    super(`${type} of ${stream} cannot be read: ${problem}`);
    this.name = 'MalformedEvent';
    this.problem = problem;
  }
}

const LEAVES: Record<string, { is: (value: unknown) => boolean; article: string }> = {
  text: { is: (value) => typeof value === 'string', article: 'no text' },
  time: {
    is: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
    article: 'no time',
  },
  integer: { is: Number.isSafeInteger, article: 'no integer' },
  number: { is: Number.isFinite, article: 'no number' },
  boolean: { is: (value) => typeof value === 'boolean', article: 'neither true nor false' },
};

const isMissing = (value: unknown): boolean => value === null || value === undefined;

/** Resolves a shape once, so that looking at an event costs about a microsecond. */
export function checkOf(shape: Shape): Check {
  if (typeof shape === 'string') {
    const isOptional = shape.endsWith('?');
    return isOptional ? maybe(leaf(shape.slice(0, -1))) : leaf(shape);
  }
  if (!isTuple(shape)) return members(shape);
  return shape.length === 1 ? each(checkOf(shape[0])) : maybe(checkOf(shape[1]));
}

const isTuple = (
  shape: Exclude<Shape, string>,
): shape is Extract<Exclude<Shape, string>, readonly unknown[]> => Array.isArray(shape);

const maybe =
  (check: Check): Check =>
  (value) =>
    isMissing(value) ? undefined : check(value);

function leaf(name: string): Check {
  const { is, article } = LEAVES[name]!;
  return (value) => {
    if (is(value)) return undefined;
    return isMissing(value) ? ' is missing' : ` is ${article}`;
  };
}

const each =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return isMissing(value) ? ' is missing' : ' is no list';
    for (const [index, item] of value.entries()) {
      const problem = check(item);
      if (problem !== undefined) return `[${index}]${problem}`;
    }
    return undefined;
  };

function members(shape: { readonly [name: string]: Shape }): Check {
  const checks = Object.entries(shape).map(([name, inner]) => ({ name, check: checkOf(inner) }));
  return (value) => {
    if (isMissing(value)) return ' is missing';
    const isObject = typeof value === 'object' && !Array.isArray(value);
    if (!isObject || ArrayBuffer.isView(value)) return ' is no object';
    for (const { name, check } of checks) {
      const problem = check((value as Record<string, unknown>)[name]);
      if (problem !== undefined) return `.${name}${problem}`;
    }
    return undefined;
  };
}
