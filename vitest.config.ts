import { defineConfig } from 'vitest/config';

/** Shared by all packages, which call `vitest run --config ../../vitest.config.ts`. */
export default defineConfig({
  ssr: {
    resolve: { conditions: ['@transprune/source', 'module', 'node', 'development|production'] },
  },
  test: {
    include: ['src/**/*.test.ts'],
    passWithNoTests: true,
    reporters: ['default', 'json'],
    outputFile: { json: 'test-results.json' },
  },
});
