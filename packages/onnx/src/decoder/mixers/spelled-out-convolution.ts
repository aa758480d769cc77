/**
 * A causal convolution over the tokens in plain operators (LFM2 by ONNX Runtime GenAI's builder): the state and the
 * new tokens are joined, convolved without padding, and as many of the last results are taken as there are tokens.
 * The last inputs are the state of the next call.
 */
import {
  attribute,
  constantIntegers,
  constantShape,
  inputAt,
  integerAttribute,
  makers,
  operatorName,
  outputAt,
  valueShape,
} from '../../graph/graph.js';
import { largestInt32 } from '../../graph/sizes.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { checkAttributes } from '../attention/attributes.js';
import { originalOf } from '../attention/cache.js';
import { type ClassifiedGraph, numberUses } from '../classified-graph.js';
import { refuse } from '../refuse.js';
import { sizesOf } from '../sizes-of.js';
import type { AxisRule, AxisSite, Tokens } from '../token-types.js';
import type { MixerFamily, MixerSite } from './family.js';
import { moveStateBehindPadding } from './padding.js';
import { checkWeights, tokensAlong } from './state.js';

/** The axis of the tokens, `[batch, channels, tokens]`. */
const axis = 2;
export const spelledOutConvolution: MixerFamily = {
  name: 'spelled-out-convolution',
  read(graph, site) {
    const { where, state, reader: join } = site;
    const [past, added, more] = join.input;
    const isJoin = join.opType === 'Concat' && past === state.past && added && more === undefined;
    if (!isJoin || ![axis, -1].includes(integerAttribute(join, 'axis', 0))) return undefined;
    const joined = outputAt(join, 0) ?? '';
    const readers = numberUses(graph, joined).map(({ node }) => node);
    const convolution = readers.find(({ opType }) => opType === 'Conv');
    if (!convolution) return undefined;
    const stateSlice = graph.producer.get(originalOf(graph, state.present));
    const stranger = readers.find((node) => node !== convolution && node !== stateSlice);
    if (stranger) {
      const found = `${operatorName(stranger)} of both`;
      refuse({ where, expected: 'one convolution of state and tokens', found, node: stranger });
    }
    const length = stateLength(graph, site);
    checkStateSlice(graph, site, { slice: stateSlice, joined, length });
    const lost = convolvedAway(graph, convolution, where);
    if (lost > length) {
      const expected = `a state of ${lost} inputs or more, as the convolution reads`;
      refuse({ where, expected, found: `${length}`, node: convolution });
    }
    const rules = new Map<NodeProto, AxisRule>([
      [join, (own) => [tokensAlong(own, 1, axis, 3) && 'mixed']],
      [convolution, () => ['mixed']],
    ]);
    if (stateSlice) rules.set(stateSlice, () => ['mixed']);
    const [channels] = constantShape(graph, inputAt(convolution, 1) ?? '') ?? [];
    const tokens: Tokens = { dims: ['batch', channels, 'tokens'], axis };
    // With nothing more than it needs in front, the convolution gives one result for each token.
    if (lost === length) rules.set(convolution, () => [tokens]);
    else {
      const tail = tailOf(graph, convolution, where);
      rules.set(tail, (own) => [
        takesLastTokens(own) ? tokens : own.refuse('Slice of other tokens'),
      ]);
    }
    return { family: spelledOutConvolution, node: join, rules };
  },
  pad: (join, site) => moveStateBehindPadding(join, { state: 0, tokens: 1 }, site),
};

/** How many inputs the state holds. */
function stateLength(graph: ClassifiedGraph, { where, state }: MixerSite): number {
  const sizes = valueShape(graph.input.get(state.past));
  const length = sizes[axis];
  if (sizes.length === 3 && typeof length === 'number') return length;
  return refuse({
    where,
    expected: `${state.past} [batch, channels, inputs], the last as a number`,
    found: `[${sizes.map((size) => size ?? '?').join(', ')}]`,
  });
}

/** The state that goes out has to be the last inputs, as many as came in. */
function checkStateSlice(
  graph: ClassifiedGraph,
  { where, state }: MixerSite,
  {
    slice,
    joined,
    length,
  }: {
    readonly slice: NodeProto | undefined;
    readonly joined: string;
    readonly length: number;
  },
): void {
  const [start, end, along] = [1, 2, 3].map((at) =>
    constantIntegers(graph, (slice && inputAt(slice, at)) ?? ''),
  );
  const isLast =
    slice?.opType === 'Slice' &&
    inputAt(slice, 0) === joined &&
    start?.join() === `${-length}` &&
    (end?.[0] ?? 0) >= largestInt32 &&
    isTokenAxis(along) &&
    isPlainStep(graph, slice);
  if (isLast) return;
  refuse({
    where,
    expected: `${state.present} to be the last ${length} inputs of the convolution`,
    found: slice?.opType ?? 'no node',
    node: slice,
  });
}

const isTokenAxis = (axes: readonly number[] | undefined) =>
  axes?.length === 1 && (axes[0] === axis || axes[0] === -1);

function isPlainStep(graph: ClassifiedGraph, slice: NodeProto): boolean {
  const steps = inputAt(slice, 4);
  return steps === undefined || constantIntegers(graph, steps)?.join() === '1';
}

/** Results that a convolution without padding gives fewer than it reads: what each looks back. */
function convolvedAway(graph: ClassifiedGraph, node: NodeProto, where: string): number {
  checkAttributes(
    node,
    {
      group: 'any',
      kernel_shape: 'any',
      dilations: 'any',
      strides: 'any',
      pads: 'any',
      auto_pad: { plain: ['NOTSET', 'VALID'] },
    },
    where,
  );
  checkWeights(graph, node, [1, 2], where);
  const all = (name: string, value: bigint) =>
    (attribute(node, name)?.ints ?? []).every((own) => own === value);
  const [, , kernel, more] = constantShape(graph, inputAt(node, 1) ?? '') ?? [];
  if (!all('pads', 0n) || !all('strides', 1n) || kernel === undefined || more !== undefined) {
    const expected = 'a convolution over the tokens without padding and strides';
    refuse({ where, expected, found: 'another', node });
  }
  const [dilation = 1n] = attribute(node, 'dilations')?.ints ?? [];
  return Number(dilation) * (kernel - 1);
}

/** The node that takes the results of the new tokens. */
function tailOf(graph: ClassifiedGraph, convolution: NodeProto, where: string): NodeProto {
  const [first, second] = numberUses(graph, outputAt(convolution, 0) ?? '');
  if (first?.node.opType === 'Slice' && first.input === 0 && !second) return first.node;
  return refuse({
    where,
    expected: 'the last results of the convolution, one for each token',
    found: first?.node.opType ?? 'no reader',
    node: first?.node,
  });
}

/** True for a slice from minus the number of tokens to the end. */
function takesLastTokens({ graph, node, dimsOf }: AxisSite): boolean {
  const [end, along] = [2, 3].map((at) => constantIntegers(graph, inputAt(node, at) ?? ''));
  const count = negated(graph, inputAt(node, 1) ?? '');
  const sizes = count === undefined ? undefined : sizesOf(graph, count, dimsOf);
  const isEnd = (end?.[0] ?? 0) >= largestInt32;
  return sizes?.join() === 'tokens' && isEnd && isTokenAxis(along) && isPlainStep(graph, node);
}

/** The value that a value is the negative of. */
function negated(graph: ClassifiedGraph, value: string): string | undefined {
  for (const node of makers(graph, value)) {
    if (node.opType === 'Neg') return inputAt(node, 0);
    if (node.opType === 'Mul') {
      const at = node.input.findIndex((name) => constantIntegers(graph, name)?.join() === '-1');
      return at < 0 ? undefined : inputAt(node, 1 - at);
    }
    if (!['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'].includes(node.opType)) return;
  }
  return undefined;
}
