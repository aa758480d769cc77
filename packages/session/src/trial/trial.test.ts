import { InferenceSession } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import type { ModelSource } from '../backend.js';
import { openOnnxRuntime } from '../onnxruntime-session.js';
import { decoderFault } from './trial.js';

const open = (alter: (data: Float32Array) => void) => (model: ModelSource) =>
  openOnnxRuntime({
    model,
    device: 'cpu',
    servesAll: true,
    async create() {
      const bytes = 'bytes' in model ? model.bytes : new Uint8Array();
      const inner = await InferenceSession.create(bytes);
      const run = async (feeds: InferenceSession.FeedsType) => {
        const outputs = await inner.run(feeds);
        alter(outputs.logits?.data as Float32Array);
        return outputs;
      };
      const { inputMetadata, outputMetadata, outputNames } = inner;
      const release = () => inner.release();
      return { inputMetadata, outputMetadata, outputNames, run, release } as InferenceSession;
    },
  });

test('a device that computes as the reference does is trusted, another is not', async () => {
  const right = open(() => {});
  expect(await decoderFault(right, right)).toBeUndefined();
  const wrong = open((logits) => logits.fill((logits[0] ?? 0) + 1));
  expect(await decoderFault(wrong, right)).toMatch(/^it computes wrongly: .* by \d/);
  const absent = async () => ({ unavailable: 'there is none' });
  expect(await decoderFault(absent, right)).toBe('there is none');
});
