import { temporaryFolder } from '@transprune/fixtures/vitest';
import type { Store } from '../src/node/hub/download-file.js';
import type { TransferPolicy } from '../src/node/hub/policy.js';

/** Retries at once; waits long enough for any answer that comes at all. */
export const quickPolicy: TransferPolicy = {
  headerTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  retries: 3,
  retryDelayMs: 1,
  longestWaitMs: 50,
};

/** Gives up soon on answers that never come. */
export const impatientForHeaders: TransferPolicy = { ...quickPolicy, headerTimeoutMs: 300 };

/** Gives up soon on bodies that stop; for servers that send nothing but such. */
export const impatientForBodies: TransferPolicy = { ...quickPolicy, idleTimeoutMs: 300 };

/** A store in a folder of its own for the running test. */
export async function storeOn(host: string, changes: Partial<Store> = {}): Promise<Store> {
  return {
    ...{ id: 'owner/name', revision: 'main', host },
    folder: await temporaryFolder(),
    policy: quickPolicy,
    ...changes,
  };
}
