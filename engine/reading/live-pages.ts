import type { Projected } from './projected.ts';

/** What a page says as it is read, and which changes make it say something else. */
export type LivePage = { event: string; tags: string[]; read: () => Promise<object> };

/** A page that somebody follows: what it says now, as a message of its stream. */
export type Followed = {
  /** The same for all who ask until it changes: read once. */
  message: () => Promise<string>;
  end: () => void;
};

type Page = {
  /** Of those who follow it. */
  wakes: Set<() => void>;
  message: Promise<string> | undefined;
  end: () => void;
};

/**
 * Pages that are followed live, each read once for all who follow it, however many that are: as long as
 * anybody does, it is kept until one of its tags changes.
 */
export class LivePages {
  readonly #projected: Projected;
  readonly #pages = new Map<string | symbol, Page>();
  #streams = 0;

  constructor(projected: Projected) {
    this.#projected = projected;
  }

  /** How many follow a page. */
  get streams(): number {
    return this.#streams;
  }

  /**
   * Calls `wake` whenever the page may say something else. `key` names what it says: for all who
   * give the same, it is the same.
   */
  follow(key: string | symbol, page: LivePage, wake: () => void): Followed {
    const followed = this.#pages.get(key) ?? this.#begin(key, page.tags);
    followed.wakes.add(wake);
    this.#streams += 1;
    return {
      message: () => this.#messageOf(followed, page),
      end: () => {
        if (!followed.wakes.delete(wake)) return;
        this.#streams -= 1;
        if (followed.wakes.size === 0) followed.end();
      },
    };
  }

  #begin(key: string | symbol, tags: string[]): Page {
    const page: Page = { wakes: new Set(), message: undefined, end: () => {} };
    const off = this.#projected.onChange(({ tags: changed }) => {
      if (changed && !tags.some((tag) => changed.includes(tag))) return;
      page.message = undefined;
      for (const wake of page.wakes) wake();
    });
    page.end = () => {
      off();
      this.#pages.delete(key);
    };
    this.#pages.set(key, page);
    return page;
  }

  #messageOf(followed: Page, page: LivePage): Promise<string> {
    // Nothing is known to be current then.
    if (!this.#projected.connected) return this.#read(page);
    if (followed.message) return followed.message;
    const message = this.#read(page);
    followed.message = message;
    return message.catch((error: unknown) => {
      if (followed.message === message) followed.message = undefined;
      throw error;
    });
  }

  async #read({ event, read }: LivePage): Promise<string> {
    const { position } = this.#projected;
    const data = JSON.stringify(await read());
    return `event: ${event}\nid: ${position}\ndata: ${data}\n\n`;
  }
}
