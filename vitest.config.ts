import { defineConfig } from 'vitest/config';

// Two workers, because `npm test` promises its time on two cores and journeys start servers of their own.
export default defineConfig({
  test: {
    include: ['packages/**/src/**/*.test.ts', 'apps/**/src/**/*.test.ts', 'tests/**/*.test.ts'],
    setupFiles: ['tests/seeds.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Only what hangs takes so long, or a machine that is busy with other things: a test of whose time a promise speaks measures it itself.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 30_000 } },
    silent: 'passed-only',
  },
});
