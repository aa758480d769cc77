import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Decoders have weights of their own, and programs threads: more files at once would only wait for each other. */
export const maxWorkers = Math.min(4, availableParallelism());

const atRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Shared by all packages: `npx vitest run --config ../../vitest.config.ts` in one of them runs its tests, long
 * ones too. `vitest.projects.config.ts` runs those of all packages.
 */
export default defineConfig({
  ssr: {
    resolve: { conditions: ['@transprune/source', 'module', 'node', 'development|production'] },
  },
  test: {
    include: ['src/**/*.test.ts'],
    exclude: ['**/*.browser.test.ts'],
    setupFiles: ['fixtures/src/matchers.ts', 'testing/src/one-thread.ts'].map((path) =>
      atRoot(`packages/${path}`),
    ),
    // A test that hangs ends; one on a slow or busy machine has all the time it may need.
    testTimeout: 10 * 60_000,
    hookTimeout: 10 * 60_000,
    expect: { poll: { timeout: 10 * 60_000 } },
    maxWorkers,
    silent: 'passed-only',
    chaiConfig: { truncateThreshold: 200 },
    passWithNoTests: true,
  },
});
