import { AsyncLocalStorage } from 'node:async_hooks';

/** What a request has done so far, wherever in its course it comes to fail. */
const requests = new AsyncLocalStorage<{ hasAppended: boolean }>();

/** Runs a request, whose appends are noted from here on. */
export const inRequest = <T>(run: () => T): T => requests.run({ hasAppended: false }, run);

/** Notes that the present request has caused an event. */
export function noteAppend(): void {
  const request = requests.getStore();
  if (request) request.hasAppended = true;
}

/** Whether the present request has caused an event: then nobody may say that nothing was done. */
export const hasAppended = (): boolean => requests.getStore()?.hasAppended ?? false;
