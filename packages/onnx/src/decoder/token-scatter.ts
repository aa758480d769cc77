/** What `ScatterND` does to the axis of the tokens: exporters put parts of keys side by side with it. */
import {
  attribute,
  constantIntegers,
  constantShape,
  type GraphIndex,
  inputAt,
  integerAttribute,
  integersOf,
} from '../graph/graph.js';
import { dimsOfMade, type Size, sizesOf } from './sizes-of.js';
import { type AxisRule, type AxisSite, isAlike, leaveRows, type Tokens } from './token-types.js';

/** Writes features of each token into others, as exporters put parts of keys side by side. */
export const scatter: AxisRule = (site) => {
  const { node } = site;
  const [values, updates] = [site.tokens(0), site.tokens(2)];
  const reduction = String.fromCharCode(...(attribute(node, 'reduction')?.s ?? []));
  if (!updates || site.tokens(1) || !['', 'none'].includes(reduction)) {
    return site.refuse(
      'ScatterND of something else than tokens to places that are the same for all',
    );
  }
  const sizes = values?.dims ?? filledSizes(site, inputAt(node, 0) ?? '');
  const isSame = values ? values.axis === updates.axis && isAlike(values, updates) : sizes;
  if (!isSame || sizes?.length !== updates.dims.length) {
    return site.refuse('ScatterND into tokens along another axis');
  }
  const isByRow = areRows(site);
  if (isByRow && updates.axis === 0) return site.refuse('ScatterND along the tokens');
  if (isByRow) leaveRows(site, updates, [0]);
  if (!isByRow && !areAllPlaces(site, updates)) {
    return site.refuse('ScatterND to places that need not be those of the same tokens');
  }
  return [{ ...updates, dims: sizes.with(updates.axis, updates.dims[updates.axis]) }];
};

/** True for places along the first axis alone: `[places, 1]`. */
function areRows(site: AxisSite): boolean {
  const { graph, node } = site;
  const known = site.sizes(1);
  if (known) return known.length === 2 && known[1] === 1;
  const maker = graph.producer.get(inputAt(node, 1) ?? '');
  const axes = maker?.opType === 'Unsqueeze' ? integersOf({ graph, node: maker }, 'axes', 1) : [];
  const vector = graph.producer.get((maker && inputAt(maker, 0)) ?? '')?.opType;
  const isVector = vector === 'Range' || vector === 'Slice';
  return isVector && axes?.length === 1 && (axes[0] === -1 || axes[0] === 1);
}

/** True for places over every axis, side by side; those up to the tokens' axis are all there are, in their order. */
function areAllPlaces(site: AxisSite, { axis: tokenAxis, dims }: Tokens): boolean {
  const { graph, node } = site;
  const joined = graph.producer.get(inputAt(node, 1) ?? '');
  const isJoined = joined?.opType === 'Concat' && integerAttribute(joined, 'axis', 0) === -1;
  if (!isJoined || joined.input.length !== dims.length) return false;
  return joined.input.every((name, axis) => {
    const column = graph.producer.get(name);
    const axes = column && integersOf({ graph, node: column }, 'axes', 1);
    const expanded = column && graph.producer.get(inputAt(column, 0) ?? '');
    if (column?.opType !== 'Unsqueeze' || axes?.join() !== '-1') return false;
    if (expanded?.opType !== 'Expand') return false;
    const places = inputAt(expanded, 0) ?? '';
    // They differ along this axis, and perhaps along those after it.
    const sizes = dimsOfMade(graph, places, (value) => site.dimsOf(value));
    if (sizes?.length !== dims.length - axis) return false;
    return axis > tokenAxis || (sizes[0] === dims[axis] && countsUp(graph, places));
  });
}

/** True for 0, 1, 2 and so on along the first axis. */
function countsUp(graph: GraphIndex, places: string): boolean {
  const reshape = graph.producer.get(places);
  const target = reshape && constantIntegers(graph, inputAt(reshape, 1) ?? '');
  const range = reshape && graph.producer.get(inputAt(reshape, 0) ?? '');
  if (reshape?.opType !== 'Reshape' || range?.opType !== 'Range' || target?.[0] !== -1)
    return false;
  const [from, step] = [0, 2].map((at) => constantIntegers(graph, inputAt(range, at) ?? ''));
  return from?.join() === '0' && step?.join() === '1';
}

/** Sizes of a value that is filled with one number. */
export function filledSizes(site: AxisSite, name: string): readonly Size[] | undefined {
  const node = site.graph.producer.get(name);
  const order =
    node?.opType === 'Transpose' ? attribute(node, 'perm')?.ints.map(Number) : undefined;
  const filled = order ? site.graph.producer.get((node && inputAt(node, 0)) ?? '') : node;
  const isExpanded =
    filled?.opType === 'Expand' &&
    constantShape(site.graph, inputAt(filled, 0) ?? '')?.length === 0;
  if (!filled || (filled.opType !== 'ConstantOfShape' && !isExpanded)) return undefined;
  const target = inputAt(filled, isExpanded ? 1 : 0) ?? '';
  const sizes = sizesOf(site.graph, target, (value) => site.dimsOf(value));
  return order ? order.map((axis) => sizes?.[axis]) : sizes;
}
