/**
 * How data is of another shape than an example: undefined where it is not. The example has all that
 * there may be, so that data may lack members of it and hold null, and no more.
 */
export function otherShape(example: unknown, data: unknown, path = 'data'): string | undefined {
  if (data === null || data === undefined) return undefined;
  if (Array.isArray(example) || Array.isArray(data)) {
    if (!Array.isArray(example) || !Array.isArray(data)) return `${path} is a list, or is none`;
    return firstOf(data.map((item, index) => otherShape(example[0], item, `${path}[${index}]`)));
  }
  if (typeof data !== typeof example) return `${path} is a ${typeof data}`;
  if (typeof data !== 'object') return undefined;
  const known = example as Record<string, unknown>;
  return firstOf(
    Object.entries(data).map(([key, value]) =>
      key in known ? otherShape(known[key], value, `${path}.${key}`) : `${path}.${key} is new`,
    ),
  );
}

const firstOf = (problems: (string | undefined)[]): string | undefined =>
  problems.find((problem) => problem !== undefined);
