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

  /** Takes up whatever pass this device has now. */
  protected takeUp(): void {
    this.pass = passes.passOf(this.storeId);
    this.signedOut = false;
  }

  /** Whether an answer says that they have to sign in; it is asked for then. */
  protected isToSignIn(error: unknown): boolean {
    this.signedOut = error instanceof ApiError && error.status === UNAUTHORIZED;
    return this.signedOut;
  }

  /** Reads what is for staff only; null where they have to sign in. Throws `ApiError`. */
  async read<T>(path: string): Promise<T | null> {
    this.takeUp();
    try {
      return await readOwn<T>(path, { pass: this.pass });
    } catch (error) {
      if (this.isToSignIn(error)) return null;
      throw error;
    }
  }
}
