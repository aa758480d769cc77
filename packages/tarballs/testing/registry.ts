/** What comes from the npm registry; tests that need it are skipped, with the reason, where it cannot be reached. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';

const execute = promisify(execFile);

/** Faults of the network, in npm's words. */
const networkFault =
  /EAI_AGAIN|ENOTFOUND|ECONN\w+|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET|network/;

/** Runs npm in a folder; the test is skipped if the registry cannot be reached. */
export async function npm(
  { skip }: TestContext,
  folder: string,
  ...parameters: readonly string[]
): Promise<void> {
  const quiet = [
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--fetch-retries=1',
    '--prefer-offline',
  ];
  // As README says: without it onnxruntime-node's script fetches CUDA's libraries.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const shell = process.platform === 'win32';
  await execute('npm', [...parameters, ...quiet], { cwd: folder, env, shell }).catch((error) => {
    const words = `${error.stderr ?? error}`;
    if (networkFault.test(words))
      skip(`the npm registry cannot be reached: ${words.split('\n')[0]}`);
    throw error;
  });
}
