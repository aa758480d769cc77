/**
 * What the graph reads of its attention mask, where the mask after a prune is known to be all ones: its
 * sizes and its sum are lengths, and no mask has to be made for them.
 */
import type { Decoder } from '../../decoder/decoder.js';
import {
  attribute,
  constantIntegers,
  constantTensor,
  type GraphIndex,
  inputAt,
  integerAttribute,
  integersOf,
} from '../../graph/graph.js';
import { type NodeProto, TensorProto_DataType } from '../../proto/onnx_pb.js';
import { emitRows, emitTotal, type StageInputs } from './stage-inputs.js';

/** What a reader works on. */
export interface MaskReaderContext {
  readonly source: GraphIndex;
  readonly decoder: Decoder;
  readonly stage: StageInputs;
  readonly pastKey: string | undefined;
  /** Element type of the mask, as ONNX numbers it. */
  readonly maskType: number | undefined;
}

const { INT64 } = TensorProto_DataType;

/**
 * Makes the output of nodes that read sizes or sums of the mask.
 *
 * @returns gives undefined for any other node, and for all nodes where the mask has padding
 */
export function maskReader({
  source,
  decoder,
  stage,
  pastKey,
  maskType,
}: MaskReaderContext): (node: NodeProto) => string | undefined {
  if (stage.mask !== undefined) return () => undefined;
  const emitter = stage.emitter.child(`pruning/after_layer_${stage.afterLayer}/lengths`);
  /** The mask, and copies of it in other types. */
  const masks = new Map<string, number | undefined>([[decoder.inputs.attentionMask, maskType]]);
  const shapes = new Set<string>();
  const sizeOf = (axis: number) => (axis === 0 ? emitRows(stage) : emitTotal(stage, pastKey));

  const readShape = (node: NodeProto): string | undefined => {
    const [first, last] = [integerAttribute(node, 'start', 0), integerAttribute(node, 'end', 2)];
    if (first === 0 && last >= 2) {
      shapes.add(node.output[0] ?? '');
      return emitter.emit('Concat', [sizeOf(0), sizeOf(1)], { attributes: { axis: 0 } });
    }
    return last === first + 1 && first >= 0 ? sizeOf(first) : undefined;
  };
  const readSum = (node: NodeProto, type: number | undefined): string | undefined => {
    const [axis, more] = integersOf({ graph: source, node }, 'axes', 1) ?? [];
    if ((axis !== 1 && axis !== -1) || more !== undefined) return undefined;
    // The graph is for one row, so a sum for each row is the one sum there is.
    const sum = sizeOf(1);
    const shaped =
      integerAttribute(node, 'keepdims', 1) === 0
        ? sum
        : emitter.emit('Unsqueeze', [sum, emitter.int64([0])]);
    return type === INT64 || type === undefined ? shaped : emitter.cast(shaped, type);
  };
  const readSize = (node: NodeProto): string | undefined => {
    const index = constantTensor(source, inputAt(node, 1) ?? '');
    const [axis, more] = constantIntegers(source, inputAt(node, 1) ?? '') ?? [];
    if (axis === undefined || more !== undefined || integerAttribute(node, 'axis', 0) !== 0) {
      return undefined;
    }
    const size = sizeOf(axis < 0 ? axis + 2 : axis);
    return index?.dims.length === 0 ? emitter.emit('Squeeze', [size, emitter.int64([0])]) : size;
  };
  return (node) => {
    const [input = ''] = node.input;
    const [output = ''] = node.output;
    if (shapes.has(input) && node.opType === 'Gather') return readSize(node);
    if (!masks.has(input)) return undefined;
    if (node.opType === 'Cast') {
      masks.set(output, Number(attribute(node, 'to')?.i));
      return undefined;
    }
    if (node.opType === 'Shape') return readShape(node);
    return node.opType === 'ReduceSum' ? readSum(node, masks.get(input)) : undefined;
  };
}
