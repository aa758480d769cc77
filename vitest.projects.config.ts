import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import shared, { maxWorkers } from './vitest.config.js';

const root = fileURLToPath(new URL('.', import.meta.url));
const packages = ['packages', 'apps']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, 'package.json')));
const browserConfigs = packages
  .map((folder) => join(folder, 'vitest.browser.config.ts'))
  .filter((path) => existsSync(path));

/**
 * Files that mock modules, or register a family of operators. The others of a package share theirs: to load them for every file anew would take a
 * quarter of the time.
 */
const isolated = 'src/**/*.isolated.test.ts';

/** Which tests a suite has is seen by the names of their files. */
const suites = {
  short: {
    include: ['src/**/*.test.ts'],
    exclude: ['**/*.{long,browser}.test.ts'],
    browsers: [],
  },
  long: { include: ['src/**/*.long.test.ts'], exclude: [], browsers: browserConfigs },
  all: {
    include: ['src/**/*.test.ts'],
    exclude: ['**/*.browser.test.ts'],
    browsers: browserConfigs,
  },
};

/**
 * The tests of all packages in one run, each package a project: `scripts/run.mjs` starts it, with a suite as
 * the mode.
 */
export default defineConfig(({ mode }) => {
  const { include, exclude, browsers } = suites[mode as keyof typeof suites] ?? suites.short;
  const inNode = packages.flatMap((folder) => {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const project = (test: object) => ({
      ...shared,
      root: folder,
      test: { ...shared.test, name, include, exclude, ...test },
    });
    const together = project({ exclude: [...exclude, isolated], isolate: false });
    if (mode === 'long' || !hasIsolated(folder)) return [together];
    return [together, project({ name: `${name} isolated`, include: [isolated] })];
  });
  return {
    test: {
      maxWorkers,
      silent: shared.test?.silent,
      reporters: [join(root, 'scripts/test-reporter.mjs')],
      projects: [...inNode, ...browsers],
    },
  };
});

function hasIsolated(folder: string): boolean {
  const sources = join(folder, 'src');
  if (!existsSync(sources)) return false;
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  return files.some((file) => file.endsWith('.isolated.test.ts'));
}
