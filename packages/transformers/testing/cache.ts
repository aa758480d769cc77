import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** Rewritten decoders of a file's tests are kept in a folder of their own. */
export function useOwnCache(): void {
  beforeAll(async () => {
    process.env.TRANSPRUNE_CACHE = await mkdtemp(join(tmpdir(), 'transprune-'));
  });
  afterAll(() => rm(process.env.TRANSPRUNE_CACHE ?? '', { recursive: true, force: true }));
}
