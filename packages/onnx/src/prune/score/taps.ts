/**
 * Taps: what each stage's score is made of, as outputs of the graph, so that the score can be made
 * again by other means and compared.
 */
import type { Emitter } from '../../graph/emitter.js';
import { outputAt } from '../../graph/graph.js';
import { tensorInfo } from '../../graph/value-info.js';
import { type NodeProto, TensorProto_DataType, type ValueInfoProto } from '../../proto/onnx_pb.js';

/** Outputs that hold what a stage's score is made of, float32 unless said otherwise, by their names. */
export interface StageTaps {
  /** What the stage adds to the transition: each newly accumulated layer's modules. */
  readonly layers: readonly {
    readonly layer: number;
    /** What attention and FFN read and write, `[batch, tokens, hidden]`. */
    readonly modules: readonly { readonly input: string; readonly output: string }[];
  }[];
  /** The accumulated transition, `[batch, tokens]`. */
  readonly transition?: string;
  readonly instructionAttention?: InstructionAttentionTaps;
  /** `[batch, tokens]` */
  readonly noise?: string;
  /** `[batch, tokens]`, 1 at image tokens. */
  readonly imageMask: string;
  /** `[batch, tokens]`, 0 at padding; left out where there is none. */
  readonly valid?: string;
}

export interface InstructionAttentionTaps {
  /** `[batch, heads, rows, past + tokens]` */
  readonly logits: string;
  /** Broadcast to the logits. */
  readonly bias: string;
  /** `[batch, 1, rows, 1]`; left out where all rows weigh alike. */
  readonly rowWeights?: string;
  /** int64 `[1]`, tokens of the cache in front of the keys that are ranked. */
  readonly past: string;
  /**
   * What attention itself gives behind the prune, before its last projection:
   * `[batch, left, heads * head_dim]` or `[batch, heads, left, head_dim]`.
   */
  readonly attended: string;
}

/** Takes what a stage is made of while it is made. */
export interface StageTapper {
  layer(layer: number, modules: readonly { input: string; output: string }[]): void;
  instructionAttention(values: {
    logits: string;
    bias: string;
    rowWeights?: string | undefined;
    past?: string | undefined;
    attended: string;
  }): void;
  values(values: {
    transition?: string | undefined;
    noise?: string | undefined;
    imageMask: string;
    valid?: string | undefined;
  }): void;
  taps(): StageTaps;
}

const { FLOAT, INT64 } = TensorProto_DataType;

/**
 * Makes what it is told outputs, `pruning.tap.{stage}...`.
 *
 * @param outputs takes their descriptions
 */
export function createTapper(
  emitter: Emitter,
  stage: number,
  outputs: ValueInfoProto[],
): StageTapper {
  const tap = (name: string, value: string, type: TensorProto_DataType = FLOAT): string => {
    const output = `pruning.tap.${stage}.${name}`;
    emitter.emit('Identity', [value], { outputs: [output] });
    outputs.push(tensorInfo(output, type));
    return output;
  };
  const layers: StageTaps['layers'][number][] = [];
  let made: Omit<StageTaps, 'layers'> = { imageMask: '' };
  return {
    layer(layer, modules) {
      const tapped = modules.map(({ input, output }, module) => ({
        input: tap(`layer.${layer}.${module}.input`, input),
        output: tap(`layer.${layer}.${module}.output`, output),
      }));
      layers.push({ layer, modules: tapped });
    },
    instructionAttention({ logits, bias, rowWeights, past, attended }) {
      const instructionAttention: InstructionAttentionTaps = {
        logits: tap('logits', logits),
        bias: tap('bias', bias),
        ...(rowWeights && { rowWeights: tap('row_weights', rowWeights) }),
        past: tap('past', past ?? emitter.int64([0]), INT64),
        attended: tap('attended', attended),
      };
      made = { ...made, instructionAttention };
    },
    values({ transition, noise, imageMask, valid }) {
      made = {
        ...made,
        imageMask: tap('image_mask', imageMask),
        ...(transition && { transition: tap('transition', transition) }),
        ...(noise && { noise: tap('noise', noise) }),
        ...(valid && { valid: tap('valid', valid) }),
      };
    },
    taps: () => ({ ...made, layers }),
  };
}

/**
 * What an attention module gives before its last projection.
 *
 * @param node the node that mixes tokens, or the first of several, the product of queries and keys
 */
export function attendedBy(nodes: readonly NodeProto[], node: NodeProto): string {
  const output = outputAt(node, 0) ?? '';
  if (node.opType !== 'MatMul') return output;
  const reached = new Set([output]);
  for (const reader of nodes) {
    if (!reader.input.some((name) => reached.has(name)) || reader.opType === 'Shape') continue;
    const [made = ''] = reader.output;
    if (reader.opType === 'MatMul') return made;
    reached.add(made);
  }
  return output;
}
