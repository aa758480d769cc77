import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumFlags, chromiumPath } from '../testing/src/chromium.js';

const minutes = 60_000;

/** The tests in a browser; where there is none, one test says so and is skipped. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  resolve: { conditions: ['@transprune/source', 'module', 'browser', 'development|production'] },
  // Its WebAssembly lies beside its script, from where it must not be moved.
  optimizeDeps: { exclude: ['onnxruntime-web'], include: ['@huggingface/transformers'] },
  test: {
    name: '@transprune/backend-web in a browser',
    ...(existsSync(chromiumPath) ? inBrowser() : { include: ['testing/without.browser.test.ts'] }),
    setupFiles: [fileURLToPath(new URL('../fixtures/src/matchers.ts', import.meta.url))],
    testTimeout: 10 * minutes,
    hookTimeout: 10 * minutes,
    // After the others: the graphics card in software takes all cores.
    sequence: { groupOrder: 2 },
  },
});

function inBrowser() {
  const launchOptions = {
    executablePath: chromiumPath,
    args: [...chromiumFlags],
    timeout: 10 * minutes,
  };
  return {
    include: ['src/**/*.browser.test.ts'],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      connectTimeout: 10 * minutes,
      provider: playwright({ launchOptions }),
      instances: [{ browser: 'chromium' as const }],
    },
  };
}
