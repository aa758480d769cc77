import { nodeBackend } from '@transprune/backend-node';
import { buildDecoder, encodeModel, namedRandomWeights, type OnnxModel } from '@transprune/onnx';
import { DecoderSession, openSession, readNumbers } from '@transprune/session';
import { lastLogits } from './index.js';

const sizes = {
  layers: 2,
  hiddenSize: 32,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 48,
};
const rest = { vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 512 };
const decoder = buildDecoder({ ...sizes, ...rest, tiedEmbeddings: false }, namedRandomWeights(1));
const tokens = 9;
const data = Float32Array.from({ length: tokens * sizes.hiddenSize }, (_, at) => Math.sin(at));

const { model, report } = lastLogits(decoder);
const [all, last] = [await logitsOf(decoder), await logitsOf(model)];
console.log('nodes added:', report.added);
console.log('logits of the original:', all.shape.join(' x '));
console.log('logits after the pass:', last.shape.join(' x '));
const own = all.data.slice(-rest.vocabularySize);
console.log(
  'the same numbers:',
  last.data.every((value, at) => value === own[at]),
);

async function logitsOf(graph: OnnxModel) {
  const session = await openSession(nodeBackend, { bytes: encodeModel(graph) }, 'cpu');
  const conversation = new DecoderSession(session);
  const embeddings = { type: 'float32', dims: [1, tokens, sizes.hiddenSize], data } as const;
  const { logits } = await conversation.prefill({ embeddings });
  const numbers = await readNumbers(logits);
  conversation.dispose();
  await session.dispose();
  return numbers;
}
