// Preloaded into every process that the supervisor starts: what Node has compiled for it is kept for
// the next one (NODE_COMPILE_CACHE), so that a process that died is back in half the time.

import { flushCompileCache } from 'node:module';

/** By then it has loaded what it needs. Node keeps it at an orderly end, which a kill is not. */
const LOADED_MS = 5_000;

setTimeout(flushCompileCache, LOADED_MS).unref();
