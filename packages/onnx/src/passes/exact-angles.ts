/**
 * Cosines and sines as sums and products. A device's own may be off by 2^-11, and by more beyond pi ("WebGPU
 * Shading Language", accuracy of built-in functions), where angles go up to the last position.
 */

import { create } from '@bufbuild/protobuf';
import { refuse } from '../decoder/refuse.js';
import { onnxAlgebra } from '../graph/algebra.js';
import { createEmitter, type Emitter } from '../graph/emitter.js';
import {
  attribute,
  constantTensor,
  elementType,
  type GraphIndex,
  indexGraph,
  inputAt,
  makers,
  namesIn,
} from '../graph/graph.js';
import { sortNodes } from '../graph/sort.js';
import { mapGraphs } from '../graph/subgraphs.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  TensorProto_DataType,
} from '../proto/onnx_pb.js';

/** Terms of each series: what is left out is below 1e-8 between -pi/2 and pi/2. */
const terms = 7;

/** Parts that add up to pi. A product of one of the first two and a number below 2^16 is exact. */
const piParts = partsOf(Math.PI, [8, 8]);

const isAngular = ({ opType }: NodeProto) => opType === 'Cos' || opType === 'Sin';

/** What the pass did. */
export interface ExactAnglesReport {
  /** `Cos` and `Sin` nodes that were written as others, those inside branches too. */
  readonly replaced: number;
}

/**
 * Writes each `Cos` and `Sin` as sums and products, exact to float32's own rounding for angles up to 1e5.
 * The model that came in is not changed.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for angles that are not float32
 */
export function exactAngles(model: OnnxModel): { model: OnnxModel; report: ExactAnglesReport } {
  let replaced = 0;
  if (!model.graph) return { model, report: { replaced } };
  const opset = standardOpset(model);
  const emitter = createEmitter(namesIn(model.graph), opset, { prefix: 'angles' });
  const graph = mapGraphs(model.graph, (own, around) => {
    const angular = own.node.filter(isAngular);
    if (angular.length === 0) return own;
    replaced += angular.length;
    const scope = [own, ...around.toReversed()].map(indexGraph);
    for (const node of angular) checkFloat32(scope, node);
    return withExactAngles(own, emitter.branch('angles'));
  });
  return { model: create(ModelProtoSchema, { ...model, graph }), report: { replaced } };
}

function withExactAngles(graph: GraphProto, emitter: Emitter): GraphProto {
  const algebra = onnxAlgebra(emitter);
  const reduced = new Map<string, ReturnType<typeof reduce>>();
  for (const { opType, input, output } of graph.node.filter(isAngular)) {
    const [angle = ''] = input;
    const { rest, square, sign } = reduced.get(angle) ?? reduce(angle);
    reduced.set(angle, { rest, square, sign });
    const value = opType === 'Cos' ? series(square, 0) : algebra.multiply(rest, series(square, 1));
    emitter.emit('Mul', [sign, value], { outputs: output });
  }
  const others = graph.node.filter((node) => !isAngular(node));
  return create(GraphProtoSchema, {
    ...graph,
    node: sortNodes([...others, ...emitter.nodes]),
    initializer: [...graph.initializer, ...emitter.initializers],
  });

  /** `angle = turns * pi + rest`, the rest between -pi/2 and pi/2; each turn changes the sign. */
  function reduce(angle: string) {
    const times = (x: string, factor: number) => algebra.multiply(x, algebra.constant(factor));
    const floor = (x: string) => emitter.emit('Floor', [x]);
    const turns = floor(algebra.add(times(angle, 1 / Math.PI), algebra.constant(0.5)));
    const rest = piParts.reduce((x, part) => algebra.subtract(x, times(turns, part)), angle);
    const half = times(turns, 0.5);
    const odd = algebra.subtract(half, floor(half));
    const sign = algebra.subtract(algebra.constant(1), times(odd, 4));
    return { rest, square: algebra.multiply(rest, rest), sign };
  }
  /** Taylor's series of the cosine (`first` 0), or of the sine over its argument (`first` 1). */
  function series(square: string, first: 0 | 1): string {
    const [last = 0, ...lower] = Array.from({ length: terms }, (_, n) => {
      const factors = Array.from({ length: 2 * n + first }, (_, i) => i + 1);
      return (-1) ** n / factors.reduce((product, factor) => product * factor, 1);
    }).reverse();
    return lower.reduce(
      (sum, factor) => algebra.add(algebra.multiply(sum, square), algebra.constant(factor)),
      algebra.constant(last),
    );
  }
}

function checkFloat32(scope: readonly GraphIndex[], node: NodeProto): void {
  const type = typeOf(scope, inputAt(node, 0) ?? '');
  if (type === TensorProto_DataType.FLOAT) return;
  const found = type === undefined ? 'an unknown type' : `element type ${type} of ONNX`;
  refuse({ where: 'angles', expected: 'float32', found, node });
}

/**
 * The operators before an angle give what their first input has.
 *
 * @param scope the graph, and those around it from the innermost on
 */
function typeOf(scope: readonly GraphIndex[], value: string): number | undefined {
  let name = value;
  for (const graph of scope) {
    for (const node of makers(graph, name)) {
      if (node.opType === 'Cast') return Number(attribute(node, 'to')?.i);
      const tensor = constantTensor(graph, name);
      if (tensor) return tensor.dataType;
      name = inputAt(node, 0) ?? '';
    }
    const known = constantTensor(graph, name)?.dataType ?? elementType(graph.input.get(name));
    if (known !== undefined) return known;
  }
  return undefined;
}

/** Numbers that add up to one: some with so many bits each, and what is left. */
function partsOf(value: number, [bits, ...others]: readonly number[]): number[] {
  if (bits === undefined) return [value];
  const step = 2 ** (Math.floor(Math.log2(value)) + 1 - bits);
  const part = Math.floor(value / step) * step;
  return [part, ...partsOf(value - part, others)];
}
