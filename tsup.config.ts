import { defineConfig } from 'tsup';

/** Shared by all packages, which call `tsup --config ../../tsup.config.ts`. */
export default defineConfig({
  entry: ['src/index.ts'],
  format: 'esm',
  target: 'es2022',
  dts: true,
  sourcemap: true,
  clean: true,
  silent: true,
});
