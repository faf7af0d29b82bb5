import { error } from '@sveltejs/kit';
import { canBeThere } from './address.ts';
import { ApiError } from './api.ts';

/** A page is not kept waiting: what read-api does not answer soon becomes an error page. */
export const LOAD_ATTEMPTS = 2;

/** Of pages whose address names something: the error page where it cannot name anything. */
export function wellAddressed({ params }: { params: Record<string, string> }): void {
  if (!canBeThere(params)) error(404, 'There is nothing at this address.');
}

/** What a page cannot be shown without: an `ApiError` becomes the error page of its status. */
export async function needed<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (failure) {
    if (!(failure instanceof ApiError)) throw failure;
    const { status, message } = failure;
    if (status >= 400 && status < 500) error(status, message);
    error(503, 'The shelves do not answer right now. Try again in a moment.');
  }
}
