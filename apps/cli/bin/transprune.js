#!/usr/bin/env node
import { existsSync } from 'node:fs';

const library = new URL('../dist/index.js', import.meta.url);

if (existsSync(library)) {
  const { runProcess } = await import(library.href);
  await runProcess();
} else {
  console.error(
    'error: transprune is not built yet; run `npm run build` in the root of the repository',
  );
  process.exitCode = 1;
}
