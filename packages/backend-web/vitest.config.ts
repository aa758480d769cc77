import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumPath } from './testing/chromium.js';

const conditions = ['@transprune/source', 'module', 'browser', 'development|production'];
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
        ssr: { resolve: { conditions: conditions.with(2, 'node') } },
        test: {
          name: 'node',
          include: ['src/**/*.test.ts'],
          exclude: ['src/**/*.browser.test.ts'],
        },
      },
      ...(existsSync(chromiumPath) ? [browserProject()] : []),
    ],
  },
});

function browserProject() {
  return {
    resolve: { conditions },
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
