import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumPath } from './testing/chromium.js';

/** WebGPU in software, as machines without a graphics card have it. */
const flags = [
  ...['--no-sandbox', '--disable-dev-shm-usage'],
  ...['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--use-webgpu-adapter=swiftshader'],
];

export default defineConfig({
  test: {
    reporters: ['default', 'json'],
    outputFile: { json: 'test-results.json' },
    projects: [
      {
        extends: '../../vitest.config.ts',
        test: { name: 'node', exclude: ['src/**/*.browser.test.ts'] },
      },
      ...(existsSync(chromiumPath) ? [browserProject()] : []),
    ],
  },
});

function browserProject() {
  return {
    resolve: { conditions: ['@transprune/source', 'module', 'browser', 'development|production'] },
    // Its WebAssembly lies beside its script, from where it must not be moved.
    optimizeDeps: { exclude: ['onnxruntime-web'], include: ['@huggingface/transformers'] },
    test: {
      name: 'browser',
      include: ['src/**/*.browser.test.ts'],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: { executablePath: chromiumPath, args: flags },
        }),
        instances: [{ browser: 'chromium' as const }],
      },
    },
  };
}
