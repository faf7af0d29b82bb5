/** A stream's name in its two parts: `lamp-7f-2` is `7f-2` of the category `lamp`. */
export type StreamName = { category: string; id: string };

/** Of a decider's category, and the id of one of its streams. */
export const streamOf = ({ category }: Pick<StreamName, 'category'>, id: string): string =>
  `${category}-${id}`;

/**
 * Splits at the first hyphen, as EventStoreDB does; a category never has one. A name without a
 * hyphen is all category.
 */
export function splitStream(stream: string): StreamName {
  const hyphen = stream.indexOf('-');
  if (hyphen < 0) return { category: stream, id: '' };
  return { category: stream.slice(0, hyphen), id: stream.slice(hyphen + 1) };
}
