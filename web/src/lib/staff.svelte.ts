import { ApiError, readOwn } from './api.ts';
import * as passes from './pass.ts';

const UNAUTHORIZED = 401;

/** Staff of a shop at this device, as far as read-api lets them in. */
export class Staff {
  readonly storeId: string;
  /** As it was at the last read. */
  pass = $state<string | null>(null);
  /** Without a pass that opens what was read: it is to be asked for. */
  signedOut = $state(false);

  constructor(storeId: string) {
    this.storeId = storeId;
  }

  /** A pass was sent, but it opens nothing (any more). */
  get passIsWrong(): boolean {
    return this.signedOut && this.pass !== null;
  }

  signIn(pass: string): void {
    passes.signIn(this.storeId, pass);
  }

  /** Reads what is for staff only; null where they have to sign in. Throws `ApiError`. */
  async read<T>(path: string): Promise<T | null> {
    this.pass = passes.passOf(this.storeId);
    try {
      const answer = await readOwn<T>(path, { pass: this.pass });
      this.signedOut = false;
      return answer;
    } catch (error) {
      this.signedOut = error instanceof ApiError && error.status === UNAUTHORIZED;
      if (this.signedOut) return null;
      throw error;
    }
  }
}
