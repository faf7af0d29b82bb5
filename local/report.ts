// Preloaded into the processes of `npm run dev`, beside `leash.ts`: tells the supervisor each file of
// ours that the process loads, so that it is started anew when one of them changes.

import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    const found = nextResolve(specifier, context);
    const ours = found.url.startsWith('file:') && !found.url.includes('/node_modules/');
    if (ours) process.send?.({ loaded: found.url });
    return found;
  },
});
