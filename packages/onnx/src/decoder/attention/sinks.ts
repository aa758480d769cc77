/**
 * Attention sinks in plain operators (gpt-oss): a column of constants, one for each head, is joined to the masked
 * logits, takes its share of the softmax, and is cut off again.
 */
import {
  constantIntegers,
  constantShape,
  inputAt,
  integerAttribute,
  integersOf,
  makers,
  outputAt,
} from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import { refuse } from '../refuse.js';

/** Sinks, and the nodes that carry them from the logits to the probabilities. */
export interface SpelledOutSinks {
  /** A constant with one number for each head. */
  readonly value: string;
  readonly nodes: readonly NodeProto[];
}

/** The axis of the keys in `[batch, heads, tokens, keys]`. */
const isKeyAxis = (axis: number | undefined) => axis === -1 || axis === 3;

/**
 * Follows sinks from where they are joined to where they are cut off.
 *
 * @param join joins the masked logits and the sinks
 * @throws TransPruneError UNSUPPORTED_MODEL for anything else between logits and probabilities
 */
export function sinksOf(graph: ClassifiedGraph, join: NodeProto, where: string): SpelledOutSinks {
  const stop = (node: NodeProto | undefined): never =>
    refuse({
      where,
      expected:
        'a softmax over the tokens, or over them and one column of sinks at their end that is cut off after it',
      found: node?.opType ?? 'no reader',
      node: node ?? join,
    });
  const [, column = '', more] = join.input;
  const value = constantOf(graph, column);
  if (value === undefined || more !== undefined) return stop(join);
  if (!isKeyAxis(integerAttribute(join, 'axis', 0))) return stop(join);
  const nodes = [join];
  let last = join;
  for (;;) {
    const readers = (graph.uses.get(outputAt(last, 0) ?? '') ?? []).map(({ node }) => node);
    const [next, largest] = readers.length === 2 ? apart(readers) : readers;
    if (!next || readers.length > 2) return stop(next);
    // The largest logit is taken away before the softmax, which changes nothing of it.
    const isShift = next.opType === 'Sub' && largest !== undefined && isLargest(graph, next, last);
    if (largest && !isShift) return stop(largest);
    if (largest) nodes.push(largest);
    nodes.push(next);
    last = next;
    if (next.opType === 'Slice') break;
    const isSoftmax = next.opType === 'Softmax' && isKeyAxis(integerAttribute(next, 'axis', -1));
    if (!isShift && !isSoftmax && next.opType !== 'Cast') return stop(next);
  }
  const isSoftmaxed = nodes.filter(({ opType }) => opType === 'Softmax').length === 1;
  return isSoftmaxed && cutsLastColumn(graph, last) ? { value, nodes } : stop(last);
}

/** The constant that a column is expanded from. */
function constantOf(graph: ClassifiedGraph, column: string): string | undefined {
  const isConstant = (name: string) => constantShape(graph, name) !== undefined;
  if (isConstant(column)) return column;
  const [maker] = makers(graph, column);
  const source = maker?.opType === 'Expand' ? (inputAt(maker, 0) ?? '') : '';
  return isConstant(source) ? source : undefined;
}

/** Of two readers the one that goes on, and the one that looks for the largest. */
function apart(readers: readonly NodeProto[]): (NodeProto | undefined)[] {
  const largest = readers.find(({ opType }) => opType === 'ReduceMax');
  return [readers.find((node) => node !== largest), largest];
}

/** True for logits less the largest of them, row by row. */
function isLargest(graph: ClassifiedGraph, { input }: NodeProto, logits: NodeProto): boolean {
  const [value = '', subtracted = ''] = input;
  const node = graph.producer.get(subtracted);
  const axes = node && integersOf({ graph, node }, 'axes', 1);
  return (
    value === outputAt(logits, 0) &&
    node?.opType === 'ReduceMax' &&
    inputAt(node, 0) === value &&
    axes?.length === 1 &&
    isKeyAxis(axes[0]) &&
    integerAttribute(node, 'keepdims', 1) === 1
  );
}

function cutsLastColumn(graph: ClassifiedGraph, slice: NodeProto): boolean {
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map((at) =>
    constantIntegers(graph, inputAt(slice, at) ?? ''),
  );
  const isPlain = inputAt(slice, 4) === undefined || steps?.join() === '1';
  return starts?.join() === '0' && ends?.join() === '-1' && isKeyAxis(axes?.[0]) && isPlain;
}
