/** The executable of a clone that is not built. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../testing/program.js';

test('says what to run', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'bin'));
  const file = join(folder, 'bin', 'transprune.mjs');
  await copyFile(fileURLToPath(new URL('../bin/transprune.js', import.meta.url)), file);
  const failure = await promisify(execFile)(process.execPath, [file, 'plan']).catch(
    (error) => error,
  );
  expect(failure).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: transprune is not built yet; run `npm run build` in /),
  });
});
