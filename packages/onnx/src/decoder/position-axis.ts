/**
 * Proves that a token's angles are made of its own position: follows the axis of the tokens from the positions to
 * what reads angles, by the rules of `token-rules.ts`. Kept positions gather angles of the tokens that stay, which
 * is right only for those. Positions are `position_ids`, or what a graph counts that has no such input.
 */
import { constantShape, inputAt, operatorName, valueShape } from '../graph/graph.js';
import { upstreamNodes } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { ClassifiedGraph } from './classified-graph.js';
import type { AngleRead, DecoderInputs } from './decoder.js';
import { type Refusal, refuse } from './refuse.js';
import { type Size, sizesOf } from './sizes-of.js';
import { sizesAfter } from './table-sizes.js';
import { axisRules, elementwise } from './token-rules.js';
import type { AxisRule, Tokens } from './token-types.js';

/** The same numbers in every call, whatever its tokens are: a table, frequencies. */
interface Table {
  readonly kind: 'table';
  readonly dims: readonly Size[] | undefined;
}

/** Numbers that are not each token's own, and why. */
interface Stranger {
  readonly kind: 'stranger';
  readonly found: string;
  readonly node?: NodeProto | undefined;
  /** Made of nothing but sizes. */
  readonly isLength: boolean;
}

type Own = Tokens & { readonly kind: 'tokens' };

type Known = Own | Table | Stranger;

/** Inputs that are asked for sizes alone: what they hold changes no number. */
const sizing: ReadonlyMap<string, number> = new Map([
  ['Expand', 1],
  ['Reshape', 1],
  ['Tile', 1],
  ['ConstantOfShape', 0],
]);

/** Leave a number as it is, and copies of it alike along other axes. */
const carriesPlaces: ReadonlySet<string> = new Set([
  'Cast',
  'Expand',
  'Identity',
  'Reshape',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

/** Says what a rule found; never leaves this file. */
class Stop extends Error {}

const isSize = (size: Size) => typeof size === 'number' || size === 'batch';

const asTokens = (tokens: Tokens): Own => ({ ...tokens, kind: 'tokens' });

const isSame = (known: Known) => known.kind === 'table';

/** What is known of the angles that a decoder reads. */
export interface PositionAxes {
  /**
   * The axis of the tokens, from the front, and all sizes.
   *
   * @throws TransPruneError UNSUPPORTED_MODEL with the node that mixes or moves tokens, or is not known not to
   */
  angle(name: string, axis: Exclude<AngleRead['axis'], 'table' | 'places'>, where: string): Tokens;
  /**
   * Checks that a table of angles, `[positions, half]`, is the same whichever tokens stay.
   *
   * @throws TransPruneError UNSUPPORTED_MODEL with what it is made of
   */
  checkTable(name: string, where: string): void;
}

/**
 * Follows the tokens of some angles.
 *
 * @param names all values that will be asked for
 */
export function positionAxes(
  graph: ClassifiedGraph,
  inputs: DecoderInputs,
  names: Iterable<string>,
): PositionAxes {
  const known = new Map<string, Known>();
  /** Made of places that the graph counts itself. */
  const counted = new Set<string>();
  for (const node of upstreamNodes(graph.graph.node, names)) {
    const made = follow(node);
    if (holdsCounted(node, made)) for (const name of node.output) counted.add(name);
    node.output.forEach((name, at) => {
      const own = made[at] ?? made[0];
      if (name !== '' && own !== undefined) known.set(name, own);
    });
  }
  return {
    angle(name, axis, where) {
      const expected =
        "each token's angles to be made of its own position, where positions are kept (use --positions renumber)";
      const own = knownOf(name);
      if (own.kind !== 'tokens') return refuse({ where, expected, ...foundIn(own, name) });
      const rank = own.dims.length;
      if (inputs.positionIds !== undefined && counted.has(name)) {
        const found = `places that the graph counts besides ${inputs.positionIds} in ${name}`;
        return refuse({ where, expected, found });
      }
      const ranks = axis === 0 ? 2 : 3;
      const isThere = axis < 0 ? own.axis === rank + axis : own.axis === axis && rank === ranks;
      if (isThere && !own.places && !own.isTable) return own;
      const found = own.isTable
        ? `${name}, a table`
        : `tokens along axis ${own.axis} of ${rank} in ${name}`;
      return refuse({ where, expected, found });
    },
    checkTable(name, where) {
      const own = knownOf(name);
      if (own.kind === 'table' || (own.kind === 'tokens' && own.isTable && own.axis === 0)) return;
      const expected =
        'a table of angles that is the same whichever tokens stay, where positions are kept (use --positions renumber)';
      refuse({ where, expected, ...foundIn(own, name) });
    },
  };

  /** True for what is made of counted places, sizes and places to write at left aside. */
  function holdsCounted(node: NodeProto, made: readonly Known[]): boolean {
    const isCount = ([own]: readonly Known[]) => own?.kind === 'tokens' && !own.isTable;
    if (node.opType === 'Range') return isCount(made);
    const aside = node.opType === 'ScatterND' ? 1 : sizing.get(node.opType);
    return node.input.some((name, at) => at !== aside && counted.has(name));
  }

  function knownOf(name: string): Known {
    const found = known.get(name);
    if (found) return found;
    if (name === inputs.positionIds) {
      const dims = dimsOf(name) ?? [];
      return asTokens({ dims, axis: dims.length - 1 });
    }
    if (graph.kindOf(name) === 'constant') {
      return { kind: 'table', dims: constantShape(graph, name) };
    }
    return { kind: 'stranger', found: `numbers of ${name}`, isLength: false };
  }

  /** Sizes of any value, as far as they are known. */
  function dimsOf(name: string): readonly Size[] | undefined {
    const own = known.get(name);
    if (own?.kind === 'tokens' && own.isTable) return own.dims.with(own.axis, undefined);
    if (own && own.kind !== 'stranger') return own.dims;
    // What is made of sizes is a vector of them.
    if (own?.isLength) return lengthOf(name);
    const info = graph.input.get(name);
    if (!info) return graph.kindOf(name) === 'constant' ? constantShape(graph, name) : undefined;
    const sizes = valueShape(info);
    const rows = name === inputs.positionIds ? sizes.length - 2 : 0;
    const holdsTokens = name === inputs.positionIds || name === inputs.embeddings;
    return sizes.map((size, axis): Size => {
      if (typeof size === 'number') return size;
      if (axis === rows) return 'batch';
      return holdsTokens && axis === rows + 1 ? 'tokens' : undefined;
    });
  }

  /** Sizes that are the same in every call, or the number of rows. */
  function knownSizes(node: NodeProto): Table | undefined {
    const sizes = sizesOf(graph, node.output[0] ?? '', dimsOf);
    return sizes?.every(isSize) ? { kind: 'table', dims: [sizes.length] } : undefined;
  }

  function lengthOf(name: string): readonly Size[] | undefined {
    const sizes = sizesOf(graph, name, dimsOf);
    return sizes && [sizes.length];
  }

  function follow(node: NodeProto): readonly Known[] {
    if (node.opType === 'Shape' || node.opType === 'Size') {
      const found = 'the number of tokens, or the length of a cache,';
      return [knownSizes(node) ?? { kind: 'stranger', found, node, isLength: true }];
    }
    const values = node.input.map((name): Known => (name === '' ? none : knownOf(name)));
    if (node.domain === '' || node.domain === 'ai.onnx') {
      const counted = node.opType === 'Range' ? rangeOf(node) : undefined;
      if (counted) return [counted];
      const rows = node.opType === 'Slice' ? firstRows(node, values) : undefined;
      if (rows) return [rows];
      const sized = sizedBy(node, values);
      if (sized) return [sized];
    }
    const askedForSizes = sizing.get(node.opType);
    const numbers = values.filter((_, at) => at !== askedForSizes);
    const strangers = numbers.filter((own) => own.kind === 'stranger');
    const [first = undefined] = [...strangers].sort((a, b) => +a.isLength - +b.isLength);
    if (first?.isLength) {
      const place = numbers.find((own) => own.kind === 'tokens');
      if (!place) {
        return [knownSizes(node) ?? first];
      }
      // Places that go on from those of a cache.
      const isMoved = node.opType === 'Add' && node.domain === '' && place.isPlace;
      return [isMoved ? { ...place, isPlace: undefined } : first];
    }
    if (first) return [first];
    if (numbers.every(isSame)) {
      const dims =
        constantShape(graph, node.output[0] ?? '') ??
        sizesAfter(graph, node, (at) => dimsOf(node.input[at] ?? ''));
      return node.output.map(() => ({ kind: 'table', dims }));
    }
    try {
      return ruled(node, values);
    } catch (error) {
      if (error instanceof Stop) {
        return [{ kind: 'stranger', found: error.message, node, isLength: false }];
      }
      throw error;
    }
  }

  /** What a rule makes of tokens. */
  function ruled(node: NodeProto, values: readonly Known[]): readonly Known[] {
    const stop = (found: string): never => {
      throw new Stop(found);
    };
    const rule: AxisRule | undefined = axisRules.get(`${node.domain}:${node.opType}`);
    if (!rule) return stop(`${operatorName(node)}, which is not known to leave tokens apart,`);
    if (rule === elementwise) checkOperands(node, values, stop);
    const asOwn = (own: Known | undefined) => (own?.kind === 'tokens' ? own : undefined);
    const made = rule({
      graph,
      node,
      isHead: false,
      tokens: (index) => asOwn(values[index]),
      tokensOf: (name) => asOwn(knownOf(name)),
      isConstant: (index) => values[index]?.kind === 'table',
      sizes: (index) =>
        values[index]?.kind === 'table' ? dimsOf(node.input[index] ?? '') : undefined,
      dimsOf,
      refuse: stop,
    });
    return made.map((own): Known => {
      if (own === 'mixed' || own === 'one' || made.length > node.output.length) {
        return stop(`${operatorName(node)} by a number of all tokens`);
      }
      if (own.dims.some((size, axis) => size === 'tokens' && axis !== own.axis)) {
        return stop(`${operatorName(node)} to tokens along two axes`);
      }
      if (sizing.has(node.opType) && node.opType !== 'Reshape' && own.dims.includes(undefined)) {
        return stop(`${node.opType} to sizes that are not known`);
      }
      const isPlace = own.isPlace && carriesPlaces.has(node.opType) ? true : undefined;
      return asTokens({ ...own, isPlace });
    });
  }

  /** Numbers that stand beside tokens are the same for all of them. */
  function checkOperands(
    node: NodeProto,
    values: readonly Known[],
    stop: (found: string) => never,
  ): void {
    const tokens = values.find((own) => own.kind === 'tokens');
    if (!tokens) return;
    const fromEnd = tokens.axis - tokens.dims.length;
    for (const own of values) {
      if (own.kind !== 'table' || own === none) continue;
      const size = own.dims && own.dims.length >= -fromEnd ? own.dims.at(fromEnd) : 1;
      if (own.dims && size === 1) continue;
      stop(`${node.opType} with numbers that may differ from place to place`);
    }
  }

  /** Whole numbers from one to another: places of tokens, rows of a table, or as many as there are features. */
  function rangeOf(node: NodeProto): Known | undefined {
    const [start = '', limit = '', delta = ''] = node.input;
    const [from, to, by] = [start, limit, delta].map((name) => oneOf(name));
    if (by !== 1) return undefined;
    if (typeof from === 'number' && isSize(to)) {
      const dims = [typeof to === 'number' ? Math.max(0, to - from) : from === 0 ? to : undefined];
      return { kind: 'table', dims };
    }
    if (from === 0 && to === 'tokens')
      return asTokens({ dims: ['tokens'], axis: 0, isPlace: true });
    if (typeof from === 'number') return asTokens({ dims: [undefined], axis: 0, isTable: true });
    return isTokensAfter(start, limit) ? asTokens({ dims: ['tokens'], axis: 0 }) : undefined;
  }

  /** True for a sum of a length and the number of tokens. */
  function isTokensAfter(start: string, limit: string): boolean {
    const sum = originOf(limit);
    const node = graph.producer.get(sum);
    const isLength = (name: string) => {
      const own = knownOf(name);
      return own.kind === 'stranger' && own.isLength;
    };
    if (node?.opType !== 'Add' || !isLength(start)) return false;
    const [a = '', b = ''] = node.input;
    const other = originOf(a) === originOf(start) ? b : originOf(b) === originOf(start) ? a : '';
    return oneOf(other) === 'tokens';
  }

  /** The value that another is a copy of, in another shape or type. */
  function originOf(name: string): string {
    let origin = name;
    for (
      let node = graph.producer.get(origin);
      node && scalars.has(node.opType);
      node = graph.producer.get(origin)
    ) {
      origin = node.input[0] ?? '';
    }
    return origin;
  }

  /** A single size. */
  function oneOf(name: string): Size {
    const sizes = sizesOf(graph, name, dimsOf);
    return sizes?.length === 1 ? sizes[0] : undefined;
  }

  /** The first rows of a table, however many are needed. */
  function firstRows(node: NodeProto, values: readonly Known[]): Known | undefined {
    const [data, , ends] = values;
    if (data?.kind !== 'table' || ends?.kind !== 'stranger' || !data.dims) return undefined;
    const [start, axis, step] = [1, 3, 4].map((at) => oneOf(inputAt(node, at) ?? ''));
    const isPlain = inputAt(node, 4) === undefined || step === 1;
    if (start !== 0 || typeof axis !== 'number' || !isPlain) return undefined;
    const own = axis < 0 ? axis + data.dims.length : axis;
    return asTokens({ dims: data.dims, axis: own, isTable: true });
  }

  /** A table in other sizes, or one number in all places: for each token alike where their number is among the sizes. */
  function sizedBy(node: NodeProto, values: readonly Known[]): Known | undefined {
    const at = sizing.get(node.opType);
    const isFilled = node.opType === 'ConstantOfShape';
    if (at === undefined || (!isFilled && values[0]?.kind !== 'table')) return undefined;
    const target = sizesOf(graph, inputAt(node, at) ?? '', dimsOf);
    const sizeAt = (index: number) => dimsOf(node.input[index] ?? '');
    const dims = isFilled ? target : sizesAfter(graph, node, sizeAt, target);
    const axis = dims?.indexOf('tokens') ?? -1;
    const isReshaped = node.opType === 'Reshape';
    // A table that is cut into as many rows as there are tokens has other numbers in each.
    const isKnown = isReshaped
      ? target?.every(isSize)
      : dims?.every((size, own) => isSize(size) || own === axis);
    if (!isKnown || (!dims && !isReshaped)) {
      const found = `${node.opType} to sizes that are not known`;
      return { kind: 'stranger', found, node, isLength: false };
    }
    return axis < 0 || !dims ? { kind: 'table', dims } : asTokens({ dims, axis });
  }
}

/** What stands for an input that is left out. */
const none: Table = { kind: 'table', dims: [] };

/** Change nothing of a size but its type and shape. */
const scalars: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
]);

/** Why a value is no token's own. */
function foundIn(own: Known, name: string): Pick<Refusal, 'found' | 'node'> {
  if (own.kind === 'stranger') {
    const { found, node } = own;
    return { found: own.isLength ? `${found} among the numbers of ${name}` : found, node };
  }
  return { found: own.kind === 'table' ? `no positions in ${name}` : `positions in ${name}` };
}
