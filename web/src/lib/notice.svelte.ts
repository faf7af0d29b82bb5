const INFO_MS = 5_000;
const ERROR_MS = 10_000;

export type Notice = {
  text: string;
  kind: 'info' | 'error';
  /** Stays until somebody has dealt with it. */
  lasting?: boolean;
  action?: { label: string; run: () => void };
};

/** The one line at the foot of the page that says what just happened. A new one replaces it. */
class Notices {
  current = $state.raw<Notice | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  show(notice: Notice): void {
    clearTimeout(this.#timer);
    this.current = notice;
    if (notice.lasting) return;
    this.#timer = setTimeout(() => this.dismiss(), notice.kind === 'error' ? ERROR_MS : INFO_MS);
  }

  /** Says why something did not work, in the words of the error where it has any for people. */
  showError(error: unknown): void {
    const text = error instanceof Error ? error.message : 'That did not work. Try again.';
    this.show({ kind: 'error', text });
  }

  /** Lets go of what is no longer about this page; an error stays until it was seen. */
  dismissInfo(): void {
    if (this.current?.kind === 'info') this.dismiss();
  }

  dismiss(): void {
    clearTimeout(this.#timer);
    this.current = null;
  }
}

export const notices = new Notices();
