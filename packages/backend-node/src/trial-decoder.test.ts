import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { trialDecoderSource } from '../testing/trial-decoder.js';

test('the decoder that devices are tried with is what the builder makes', async () => {
  const file = new URL('../../session/src/trial/trial-decoder.ts', import.meta.url);
  await expect(trialDecoderSource()).toMatchFileSnapshot(fileURLToPath(file));
});
