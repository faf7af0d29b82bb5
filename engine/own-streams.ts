import { splitStream } from '../platform/stream-name.ts';
import type { EventShapes } from './decider.ts';

/**
 * Whether a stream is of one of these deciders. Whatever else is in the log is of somebody else who
 * writes to the same event store, though their events may have the same names: it is nothing to us.
 */
export function ownStreams(
  deciders: readonly Pick<EventShapes, 'category'>[],
): (stream: string) => boolean {
  const categories = new Set(deciders.map(({ category }) => category));
  return (stream) => {
    const { category, id } = splitStream(stream);
    return id !== '' && categories.has(category);
  };
}
