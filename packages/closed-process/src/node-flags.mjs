// The flags of Node with which our processes are started, for all that start one. Plain JavaScript: `npm start` reads it with any Node from 20 on,
// before anything is installed.

/** No debugger by signal (`close-process.ts`). */
export const PROCESS_FLAGS = Object.freeze(['--disable-sigusr1']);

/**
 * Of the server: a young generation with room for what a busy one has under way until it is acknowledged, and for no more than that, so that idle
 * devices cost little (docs/decisions/0013); and a heap that may grow to three times what lives in it before V8 looks through all of it, which it
 * otherwise does every few megabytes that go through a server whose heap is small (docs/benchmarks.md). Nothing is made in the old generation from
 * the start: V8 does that for kinds of objects that have often outlived the young one, and each that is dead there keeps alive, and so moves there,
 * whatever young objects it points to, until V8 looks through the whole heap: a tenth of what a busy server allocates.
 */
export const SERVER_FLAGS = Object.freeze([
  ...PROCESS_FLAGS,
  '--max-semi-space-size=16',
  '--heap-growing-percent=200',
  '--no-allocation-site-pretenuring',
]);
