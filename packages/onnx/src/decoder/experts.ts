/**
 * A mixture of experts as one operator: `com.microsoft.MoE`, and `QMoE` with weights of fewer bits (ONNX Runtime
 * GenAI's gpt-oss, Phi-MoE, Qwen3-MoE). Each token is sent to the experts that its own row of the router's logits
 * chooses, and gets their weighted sum back: whatever the attributes say of that, tokens stay apart.
 *
 * Inputs: 0 tokens, 1 the router's logits `[rows, experts]`, then weights; of `QMoE` 14 is what experts are weighed by
 * in place of the logits. Output: 0 as the tokens are.
 */
import { attribute, constantShape, inputAt, integerAttribute } from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { ClassifiedGraph } from './classified-graph.js';
import type { AxisRule, Tokens } from './token-types.js';

/** What a token meets of a mixture of experts. */
export interface ExpertSizes {
  readonly experts: number;
  /** Experts that one token passes. */
  readonly perToken: number;
  /** Features between the matrices of an expert: two before them, gated, and one after. */
  readonly width: number;
}

/** What is known of one of the operators. */
interface Layout {
  readonly inputs: number;
  /** Inputs that have rows of tokens. */
  readonly perToken: readonly number[];
  readonly attributes: ReadonlySet<string>;
  /** Weights of the first matrices, `[experts, features, hidden]`, and of those that may stand beside them. */
  readonly first: number;
  readonly beside: number;
}

const ofExperts = [
  'activation_alpha',
  'activation_beta',
  'activation_type',
  'k',
  'normalize_routing_weights',
  'swiglu_fusion',
  'swiglu_limit',
  'use_sparse_mixer',
];

/** How weights are stored. */
const ofWeights = [
  'accuracy_level',
  'block_size',
  'expert_weight_bits',
  'fc1_expert_weight_bits',
  'fc2_expert_weight_bits',
  'fc3_expert_weight_bits',
  'quant_type',
  'weights_prepacked',
];

const layouts: Readonly<Record<string, Layout>> = {
  MoE: { inputs: 8, perToken: [0, 1], attributes: new Set(ofExperts), first: 2, beside: 6 },
  QMoE: {
    inputs: 21,
    perToken: [0, 1, 14],
    attributes: new Set([...ofExperts, ...ofWeights]),
    first: 2,
    beside: 8,
  },
};

/** Rows stay with their tokens; all that is no row is a weight. */
export const mixtureOfExperts: AxisRule = (site) => {
  const { node } = site;
  const layout = layouts[node.opType];
  if (!layout) return site.refuse(node.opType);
  const unknown = node.attribute.find(({ name }) => !layout.attributes.has(name));
  if (unknown) return site.refuse(`${node.opType} with ${unknown.name}, which is not known`);
  for (const [at, name] of node.input.entries()) {
    if (name === '') continue;
    if (at >= layout.inputs) return site.refuse(`${node.opType} with a further input ${name}`);
    const isRow = layout.perToken.includes(at);
    if (isRow ? !hasRows(site.tokens(at)) : !site.isConstant(at)) {
      const what = isRow ? 'rows of single tokens' : 'weights';
      return site.refuse(`${node.opType} with ${name}, where ${what} should be`);
    }
  }
  if (node.output.length > 1) return site.refuse(`${node.opType} with a further output`);
  const tokens = site.tokens(0);
  return tokens ? [tokens] : site.refuse(`${node.opType} of no tokens`);
};

const hasRows = (own: Tokens | undefined) =>
  own !== undefined && own.dims.length - own.axis === 2 && !own.places && !own.chosen;

/** Sizes of the experts; undefined for those that are not gated. */
export function expertSizes(graph: ClassifiedGraph, node: NodeProto): ExpertSizes | undefined {
  const layout = layouts[node.opType];
  if (!layout) return undefined;
  const [experts, features] = constantShape(graph, inputAt(node, layout.first) ?? '') ?? [];
  const perToken = integerAttribute(node, 'k', 1);
  const activation = String.fromCharCode(...(attribute(node, 'activation_type')?.s ?? []));
  const isFused = activation === 'swiglu' && integerAttribute(node, 'swiglu_fusion', 0) !== 0;
  const isGated = isFused || inputAt(node, layout.beside) !== undefined;
  if (!experts || !features || !isGated) return undefined;
  return { experts, perToken, width: isFused ? features / 2 : features };
}
