// Preloaded (`node --import`) into every process that the supervisor, a drill or perf starts, so that
// none outlives it, not even after `kill -9`: the channel to it closes when either end is gone. The
// rooms do not know of it, and need not: a crash at any moment must lose nothing anyway.

process.on('disconnect', () => process.exit(1));
// The listener alone would keep a process alive that has nothing left to do.
process.channel?.unref();
