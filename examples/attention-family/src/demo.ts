import { nodeBackend } from '@transprune/backend-node';
import { createPlan, positionModes } from '@transprune/core';
import { buildDecoder, namedRandomWeights, type OnnxModel, readDecoder } from '@transprune/onnx';
import { create, registerAttentionFamily } from '@transprune/onnx/extend';
import {
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
} from '@transprune/onnx/proto';
import { verifyPruned } from '@transprune/verify';
import { fusedAttention } from './index.js';

const sizes = {
  layers: 4,
  hiddenSize: 32,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 48,
};
const rest = { vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 512 };
const config = { ...sizes, ...rest, tiedEmbeddings: false };
const decoder = withFusedAttention(
  buildDecoder(config, namedRandomWeights(1), { projections: 'split', rotary: 'separate' }),
);

try {
  readDecoder(decoder);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}

registerAttentionFamily(fusedAttention);
console.log('read as', readDecoder(decoder).attentionFamily);
for (const positions of positionModes) {
  const stages = [{ afterLayer: 2, keepRatio: 0.25 }];
  const plan = createPlan({ accumulateLayers: [1, 2], stages, positions });
  const { checks } = await verifyPruned({ original: decoder, plan, backend: nodeBackend });
  const failed = checks.filter(({ passed }) => !passed).map(({ name }) => name);
  console.log(
    `positions ${positions}: ${checks.length} checks,`,
    failed.join(', ') || 'all passed',
  );
}

/**
 * A decoder with the invented operator. ONNX Runtime does not know it, so the model defines it as a function:
 * grouped attention.
 */
function withFusedAttention(model: OnnxModel): OnnxModel {
  const domain = 'com.example';
  const version = (name: string) => create(OperatorSetIdProtoSchema, { domain: name, version: 1n });
  const { graph = create(GraphProtoSchema) } = model;
  const { node: nodes } = graph;
  const [first] = nodes.filter(({ opType }) => opType === 'GroupQueryAttention');
  if (!first) throw new Error('expected a decoder with GroupQueryAttention');
  const input = first.input.slice(0, 7).map((_, at) => `input_${at}`);
  const output = ['mixed', 'present_key', 'present_value'];
  const own = { opType: 'FusedAttention', domain, attribute: [] };
  return create(ModelProtoSchema, {
    ...model,
    opsetImport: [...model.opsetImport, version(domain)],
    functions: [
      create(FunctionProtoSchema, {
        name: own.opType,
        domain,
        input,
        output,
        node: [create(NodeProtoSchema, { ...first, input, output })],
        opsetImport: [version('com.microsoft')],
      }),
    ],
    graph: create(GraphProtoSchema, {
      ...graph,
      node: nodes.map((node) =>
        node.opType === first.opType
          ? create(NodeProtoSchema, { ...node, ...own, input: node.input.slice(0, 7) })
          : node,
      ),
    }),
  });
}
