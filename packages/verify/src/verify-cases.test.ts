/** Decoders of other exporters, pruned as presets do and verified. */
import { createNodeBackend } from '@transprune/backend-node';
import { positionModes } from '@transprune/core';
import { readModelFile } from '@transprune/files/node';
import { caseFile } from '@transprune/fixtures';
import { buildDecoder, namedRandomWeights, readDecoder } from '@transprune/onnx';
import { verifyPruned } from '@transprune/verify';
import { expect, test } from 'vitest';
import {
  createVerifier,
  threePrunes as plan,
  testedCases,
  verifyCases,
  verifyMixers,
} from '../testing/verify.js';

const { verify } = createVerifier();

const { plain, mixed } = testedCases('short');

verifyCases(plain);

verifyMixers(mixed);

test.each([
  ['gated-attention/qwen35-genai-static.onnx', 4],
  ['gated-attention/qwen35-ts17.onnx', 4],
  ['gqa-head-dim-symbolic/qwen3vl-genai.onnx', 4],
])('heads of %s', async (name, heads) => {
  const { attention } = readDecoder(await readModelFile(caseFile(name)));
  expect(attention).toMatchObject({ heads, kvHeads: 2, headDim: 16 });
});

test('4-bit weights that are dequantized are int4', async () => {
  const report = await verify(caseFile('int4-qdq-tolerance/llama-genai-int4-qdq.onnx'), {
    ...plan,
    accumulateLayers: [1],
    stages: [{ afterLayer: 1, keepRatio: 0.3 }],
  });
  expect(report).toMatchObject({ passed: true, precision: 'int4' });
});

const small = 'int4-qdq-tolerance/llama-genai-int4-qdq.onnx';

test('an input that nobody reads is fed', async () => {
  const original = await readModelFile(caseFile(small));
  const [embeddings] = original.graph?.input.filter(({ name }) => name === 'inputs_embeds') ?? [];
  original.graph?.input.push({ ...embeddings!, name: 'token_types' });
  const { checks } = await verify(caseFile(small), plan, { original });
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
});

test('an original that does not run is said to be the reason', async () => {
  const original = await readModelFile(caseFile(small));
  const { node } = original.graph!;
  const logits = node.find(({ output }) => output[0] === 'logits')!;
  logits.output = ['inner'];
  // In place of each feature one that there is not.
  const { vocabularySize } = readDecoder(original);
  const other = (await readModelFile(caseFile(small))).graph!;
  const sum = other.node.find(({ opType }) => opType === 'ReduceSum')!;
  const far = other.node.find(({ output }) => output[0] === sum.input[1])!;
  const rawData = new Uint8Array(new BigInt64Array(vocabularySize).fill(2n ** 20n).buffer);
  const dims = [BigInt(vocabularySize)];
  Object.assign(far.attribute[0]!.t!, { dims, int64Data: [], rawData });
  far.output = ['far'];
  const attribute = [Object.assign(sum.attribute[0]!, { name: 'axis', i: 2n })];
  const gather = { domain: '', attribute, opType: 'Gather', name: 'wrong' };
  node.push(far, { ...logits, ...gather, input: ['inner', 'far'], output: ['logits'] });
  await expect(verify(caseFile(small), plan, { original })).rejects.toMatchObject({
    code: 'UNSUPPORTED_MODEL',
    message: expect.stringMatching(/^expected an original that runs, .*Gather/s),
  });
});

test('an output gate with a matrix of its own', async () => {
  const config = {
    ...{ layers: 6, hiddenSize: 24, heads: 6, kvHeads: 2, headDim: 16, intermediateSize: 40 },
    ...{ vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 128 },
    tiedEmbeddings: false,
  };
  const original = buildDecoder(config, namedRandomWeights(1), { projections: 'split' });
  const { node } = original.graph!;
  const attentions = node.filter(({ opType }) => opType === 'GroupQueryAttention');
  for (const [at, attention] of attentions.entries()) {
    const query = node.find(({ output }) => output[0] === attention.input[0])!;
    const last = node.find(({ input }) => input[0] === attention.output[0])!;
    const made = (opType: string, input: string[]) => {
      const name = `gate/${at}/${opType}`;
      node.push({ ...query, opType, name, input, output: [name], attribute: [] });
      return name;
    };
    const gate = made('Sigmoid', [made('MatMul', [...query.input])]);
    last.input = [made('Mul', [attention.output[0]!, gate]), last.input[1]!];
  }
  const { layers } = readDecoder(original);
  expect(layers[0]?.attention?.projections).toHaveLength(4);
  const backend = createNodeBackend({ threads: 1 });
  for (const positions of positionModes) {
    const { checks } = await verifyPruned({ original, plan: { ...plan, positions }, backend });
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
  }
});
