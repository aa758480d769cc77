/**
 * Cosines and sines as sums and products. A device's own may be off by 2^-11, and by more beyond pi ("WebGPU
 * Shading Language", accuracy of built-in functions), where angles go up to the last position.
 */

import { refuse } from '../decoder/refuse.js';
import { onnxAlgebra } from '../graph/algebra.js';
import type { Emitter } from '../graph/emitter.js';
import {
  attribute,
  constantTensor,
  elementType,
  type GraphIndex,
  inputAt,
} from '../graph/graph.js';
import { type NodeProto, TensorProto_DataType } from '../proto/onnx_pb.js';

/** Terms of each series: what is left out is below 1e-8 between -pi/2 and pi/2. */
const terms = 7;

/** Parts that add up to pi. A product of one of the first two and a number below 2^16 is exact. */
const piParts = partsOf(Math.PI, [8, 8]);

const isAngular = ({ opType }: NodeProto) => opType === 'Cos' || opType === 'Sin';

/**
 * Writes each `Cos` and `Sin` as sums and products, exact to float32's own rounding for angles up to 1e5.
 *
 * @param source the graph that the nodes were made from
 * @returns the nodes with others in place of these, in no order
 * @throws TransPruneError UNSUPPORTED_MODEL for angles that are not float32
 */
export function exactAngles(
  around: Emitter,
  source: GraphIndex,
  nodes: readonly NodeProto[],
): NodeProto[] {
  for (const node of source.graph.node) if (isAngular(node)) checkFloat32(source, node);
  const emitter = around.child('angles', { role: 'angles' });
  const algebra = onnxAlgebra(emitter);
  const before = emitter.nodes.length;
  const reduced = new Map<string, ReturnType<typeof reduce>>();
  for (const { opType, input, output } of nodes.filter(isAngular)) {
    const [angle = ''] = input;
    const { rest, square, sign } = reduced.get(angle) ?? reduce(angle);
    reduced.set(angle, { rest, square, sign });
    const value = opType === 'Cos' ? series(square, 0) : algebra.multiply(rest, series(square, 1));
    emitter.emit('Mul', [sign, value], { outputs: output });
  }
  return [...nodes.filter((node) => !isAngular(node)), ...emitter.nodes.slice(before)];

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

function checkFloat32(source: GraphIndex, node: NodeProto): void {
  const type = typeOf(source, inputAt(node, 0) ?? '');
  if (type === TensorProto_DataType.FLOAT) return;
  const found = type === undefined ? 'an unknown type' : `element type ${type} of ONNX`;
  refuse({ where: 'angles', expected: 'float32', found, node });
}

/** The operators in front of an angle give what their first input has. */
function typeOf(graph: GraphIndex, name: string): number | undefined {
  const node = graph.producer.get(name);
  if (node?.opType === 'Cast') return Number(attribute(node, 'to')?.i);
  const tensor = constantTensor(graph, name);
  if (tensor) return tensor.dataType;
  const first = node && inputAt(node, 0);
  return first ? typeOf(graph, first) : elementType(graph.input.get(name));
}

/** Numbers that add up to one: some with so many bits each, and what is left. */
function partsOf(value: number, [bits, ...others]: readonly number[]): number[] {
  if (bits === undefined) return [value];
  const step = 2 ** (Math.floor(Math.log2(value)) + 1 - bits);
  const part = Math.floor(value / step) * step;
  return [part, ...partsOf(value - part, others)];
}
