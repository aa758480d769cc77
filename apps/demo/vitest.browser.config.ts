import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { chromiumPath } from '../../packages/testing/src/chromium.js';

const minutes = 60_000;
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The page as it is built, in a browser that is driven from Node; without one, one test says so. */
export default defineConfig({
  root: here('.'),
  ssr: {
    resolve: { conditions: ['@transprune/source', 'module', 'node', 'development|production'] },
  },
  test: {
    name: '@transprune/demo in a browser',
    ...(existsSync(chromiumPath)
      ? { include: ['src/**/*.browser.test.ts'], globalSetup: [here('testing/served-page.ts')] }
      : { include: ['testing/without.browser.test.ts'] }),
    testTimeout: 10 * minutes,
    hookTimeout: 10 * minutes,
    expect: { poll: { timeout: 10 * minutes } },
    // Models and graphics card in software take all cores: beside other work each takes many times as long.
    fileParallelism: false,
    sequence: { groupOrder: 1 },
  },
});
