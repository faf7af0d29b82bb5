import { AsyncLocalStorage } from 'node:async_hooks';

/** What a request has done so far, wherever in its course it comes to fail. */
const requests = new AsyncLocalStorage<{ isBegun: boolean }>();

/** Runs a request, whose commands are noted from here on. */
export const inRequest = <T>(run: () => T): T => requests.run({ isBegun: false }, run);

/** Notes that a command of the present request took effect, now or when it was first sent. */
export function noteCommand(): void {
  const request = requests.getStore();
  if (request) request.isBegun = true;
}

/** Whether a command of the present request took effect: nobody may say then that nothing was done. */
export const isBegun = (): boolean => requests.getStore()?.isBegun ?? false;
