import { error } from '@sveltejs/kit';
import { ApiError } from './api.ts';

/** A page is not kept waiting: what read-api does not answer soon becomes an error page. */
export const LOAD_ATTEMPTS = 2;

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
