/** A layer's two modules: what they read after the norm, and what they add to the stream. */

import { inputAt, makers } from '../graph/graph.js';
import { walk } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { type Path, pathTo } from './attention/path.js';
import { type ClassifiedGraph, inputsOf, tokensBehind } from './classified-graph.js';
import type {
  AttentionModule,
  AttentionReading,
  FfnModule,
  LayerCacheNames,
  Module,
  StateModule,
  StateNames,
} from './decoder.js';
import { expertSizes } from './experts.js';
import { type Linear, linearInto } from './linear.js';
import type { MixerReading } from './mixers/family.js';
import { refuse } from './refuse.js';
import { checkNorm, type NormSource, strangerToNorm } from './stream.js';
import { isBeside, reachesLinear, routingNode } from './variants.js';

/** Where a module stands. */
export interface ModuleSite {
  /** What it adds to the stream. */
  readonly output: string;
  /** The node that adds. */
  readonly join: NodeProto;
  /** What its norm reads. */
  readonly source: NormSource;
  /** The place, for messages. */
  readonly where: string;
}

/**
 * Attention with its norm, its projections and its add.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a module that reads anything else
 */
export function readAttentionModule(
  graph: ClassifiedGraph,
  site: ModuleSite & {
    readonly reading: AttentionReading;
    /** Undefined where keys and values are another layer's. */
    readonly cache: LayerCacheNames | undefined;
  },
): AttentionModule {
  const { reading, cache, output, join, source, where } = site;
  const { queries, keys, values } = reading;
  const own = cache ? [queries.value, keys.value, values] : [queries.value];
  const cached = reading.latent && cache ? [cache.pastKey ?? '', cache.pastValue ?? ''] : [];
  const last = own.map((value) => pathTo(graph, value, where, cached).projections);
  const projections = firstProjections(graph, last.flat(), source, (value) =>
    pathTo(graph, value, where, cached),
  );
  if (isBeside(graph, output, reading.node)) refuseParallel(where, join);
  const norms = [...new Set(projections.map((projection) => projection.input))];
  const [input, other] = norms;
  if (input === undefined || other !== undefined) {
    refuse({
      where,
      expected: 'queries, keys and values to be projected from one norm',
      found: norms.join(', '),
      node: reading.node,
    });
  }
  // Gates with a matrix of their own: read past attention.
  const gates = projectionsOf(graph, { input, output }, reading.node);
  const outputs = [...new Set([...projections.map((projection) => projection.output), ...gates])];
  const isFirst = ({ output }: Linear) => projections.some((first) => first.output === output);
  const isLatent = !last.flat().every(isFirst);
  if (cache && isLatent) checkQueries(last[0] ?? [], reading, where);
  else if (cache) checkWidth(graph, projections, reading, site);
  const pasts = cache ? [cache.pastKey, cache.pastValue] : [keys.value, values];
  const region = regionUpTo(
    graph,
    output,
    new Set([...outputs, ...pasts.flatMap((past) => past ?? []), ...(reading.noTokens ?? [])]),
    {
      where: `${where}, attention`,
      expected: 'only its projections, its cache and derived values',
    },
  );
  checkAdded(region, reading.node, site);
  checkNorm(graph, input, source, `${where}, attention`);
  return { input, output, projections: outputs, reading };
}

/**
 * A mixer with states: its norm, whatever it projects that to, its states and its add.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a module that reads anything else
 */
export function readStateModule(
  graph: ClassifiedGraph,
  site: ModuleSite & {
    readonly readings: readonly MixerReading[];
    readonly states: readonly StateNames[];
  },
): StateModule {
  const { readings, states, output, source, where } = site;
  const place = `${where}, mixer`;
  const input = onlyInput(graph, site, inputsOfModule(graph, site), place);
  checkNorm(graph, input, source, place);
  const region = regionUpTo(graph, output, new Set([input, ...states.map(({ past }) => past)]), {
    where: place,
    expected: 'only its norm, its states and weights',
  });
  for (const { node } of readings) checkAdded(region, node, site);
  return { input, output, readings };
}

/** Checks that what a node makes is part of what is added to the stream. */
function checkAdded(
  region: ReadonlySet<NodeProto>,
  node: NodeProto,
  { where, output, join }: ModuleSite,
): void {
  if (region.has(node)) return;
  refuse({
    where,
    expected: `what ${node.opType} gives to be added to the residual stream`,
    found: output,
    node: join,
  });
}

/**
 * Of projections those that read the norm: latents, which are projected again, are followed back (DeepSeek, MiniCPM3).
 *
 * @param pathTo gives the projections that a latent is made of
 */
function firstProjections(
  graph: ClassifiedGraph,
  projections: readonly Linear[],
  source: NormSource,
  pathTo: (value: string) => Path,
): Linear[] {
  const open = [...projections];
  const first = new Map<string, Linear>();
  const seen = new Set<string>();
  for (const projection of open) {
    if (seen.has(projection.output)) continue;
    seen.add(projection.output);
    if (!reachesLinear(graph, projection.input, source)) first.set(projection.output, projection);
    else open.push(...pathTo(projection.input).projections);
  }
  return [...first.values()];
}

/** Queries have to be as wide as their heads, where a latent stands before keys and values, or before them. */
function checkQueries(
  [projection, more]: readonly Linear[],
  { shape: { heads, headDim }, node }: AttentionReading,
  where: string,
): void {
  const expected = heads * headDim;
  if (projection?.outFeatures === expected && !more && Number.isInteger(heads)) return;
  refuse({
    where,
    expected: `one projection of queries to ${expected} features, for ${heads} heads of ${headDim}`,
    found: `${more ? 'several' : (projection?.outFeatures ?? 'none')}`,
    node,
  });
}

function refuseParallel(where: string, node: NodeProto): never {
  refuse({
    where,
    expected:
      'an FFN that reads the stream after attention was added to it (no export option changes that)',
    found: 'attention and FFN in parallel (Phi, Cohere, Falcon, GPT-NeoX, StableLM), added',
    node,
  });
}

/**
 * Queries, keys and values have to be as wide as their heads; the projection of queries may hold a gate of the
 * attention's output besides (Qwen3-Next, Qwen3.5).
 */
function checkWidth(
  graph: ClassifiedGraph,
  projections: readonly Linear[],
  { shape: { heads, kvHeads, headDim, valueDim = headDim }, node }: AttentionReading,
  { output, where }: ModuleSite,
): void {
  const widths = new Map(projections.map(({ output, outFeatures }) => [output, outFeatures]));
  const total = [...widths.values()].reduce((sum, width) => sum + width, 0);
  const expected = (heads + kvHeads) * headDim + kvHeads * valueDim;
  if (total === expected && Number.isInteger(heads)) return;
  const [queries] = projections;
  const isGated = queries && reads(graph, output, [queries.output], node.output);
  if (isGated && total === expected + heads * valueDim && Number.isInteger(heads)) return;
  refuse({
    where,
    expected: `projections to ${expected} features for ${heads} query and 2 x ${kvHeads} key and value heads of ${headDim}${isGated ? `, or ${heads * valueDim} more for an output gate` : ''}`,
    found: `${total}`,
    node,
  });
}

/**
 * Projections of what a module reads that its output is made of.
 *
 * @param beside not by way of this node
 */
export function projectionsOf(
  graph: ClassifiedGraph,
  { input, output }: Module,
  beside?: NodeProto,
): string[] {
  const isOwn = (name: string) => linearInto(graph, name)?.input === input;
  const isEnd = (name: string) =>
    name === input || isOwn(name) || (beside?.output.includes(name) ?? false);
  return [...tokensBehind(graph, output, isEnd)].filter(isOwn);
}

/** What an FFN reads if it stands beside the mixer and not after it. */
export interface BeforeMixer extends NormSource {
  /** What the mixer reads. */
  readonly norm: string;
}

/**
 * The FFN, whatever it is made of: it reads the one value that its first projections share.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a module that reads anything else
 */
export function readFfn(
  graph: ClassifiedGraph,
  site: ModuleSite & { readonly before?: BeforeMixer },
): FfnModule {
  const { output, source, before, where } = site;
  const after = [...source.streams, source.normed ?? ''];
  const earlier = before ? [...before.streams, before.normed ?? '', before.norm] : [];
  const isParallel = reads(graph, output, earlier, after);
  const own = isParallel && before ? { ...site, source: before } : site;
  const starts = [...own.source.streams, own.source.normed ?? ''];
  const inputs = inputsOfModule(graph, own);
  const [input, other] = inputs;
  const routing = routingNode(graph, output, starts);
  const isNormed = input !== undefined && !other && !strangerToNorm(graph, input, own.source);
  if (routing && !isNormed) {
    refuse({
      where,
      expected:
        'an FFN whose projections read one norm [batch, tokens, hidden] (no export option is known to keep that)',
      found: 'a mixture of experts that sends tokens to experts in nodes of its own,',
      node: routing,
    });
  }
  const read = onlyInput(graph, own, inputs, where);
  checkNorm(graph, read, own.source, where);
  regionUpTo(graph, output, new Set([read]), { where, expected: 'only its norm and weights' });
  return {
    input: read,
    output,
    ...((isParallel || !before) && { isParallel: true }),
    ...(routing && { experts: expertsOf(graph, routing, { input: read, output }) }),
  };
}

/** What a token meets of experts; what every token passes beside them is not told apart from them. */
function expertsOf(graph: ClassifiedGraph, routing: NodeProto, module: Module) {
  const isAlone = projectionsOf(graph, module).length <= 1;
  return (isAlone ? expertSizes(graph, routing) : undefined) ?? 'unknown';
}

/** Values that a module's first projections read. */
function inputsOfModule(graph: ClassifiedGraph, { output, source }: ModuleSite): Set<string> {
  const inputs = new Set<string>();
  const isStart = (name: string) => source.streams.includes(name) || name === source.normed;
  const next = (name: string): readonly string[] => {
    if (isStart(name)) return [];
    const linear = linearInto(graph, name);
    return linear ? [linear.input] : inputsOf(graph, name, 'token');
  };
  for (const name of walk([output], next)) {
    const linear = linearInto(graph, name);
    if (linear && !reachesLinear(graph, linear.input, source)) {
      inputs.add(beforeReshapes(graph, linear.input, source));
    }
  }
  return inputs;
}

const reshaping: ReadonlySet<string> = new Set(['Cast', 'Reshape']);

/** What a value is another shape, or type, of: experts take tokens as rows of a matrix, a router in float32. */
function beforeReshapes(graph: ClassifiedGraph, value: string, { streams }: NormSource): string {
  let name = value;
  for (const node of makers(graph, value)) {
    if (!reshaping.has(node.opType) || streams.includes(name)) break;
    name = inputAt(node, 0) ?? '';
  }
  return name;
}

/** The one value that a module's first projections share. */
function onlyInput(
  graph: ClassifiedGraph,
  { output }: ModuleSite,
  inputs: ReadonlySet<string>,
  where: string,
): string {
  const [input, other] = inputs;
  if (input !== undefined && other === undefined) return input;
  return refuse({
    where,
    expected: 'projections of one norm',
    found: [...inputs].join(', ') || 'none',
    node: graph.producer.get(output),
  });
}

/** True if a value is made of one of some others, not by way of `stops`. */
function reads(
  graph: ClassifiedGraph,
  value: string,
  others: readonly string[],
  stops: readonly string[],
): boolean {
  for (const name of tokensBehind(graph, value, (name) => stops.includes(name))) {
    if (others.includes(name) && !stops.includes(name)) return true;
  }
  return false;
}

/** The nodes between a module's output and what it may read; refuses if it reads anything else. */
function regionUpTo(
  graph: ClassifiedGraph,
  output: string,
  allowed: ReadonlySet<string>,
  place: { readonly where: string; readonly expected: string },
): Set<NodeProto> {
  const region = new Set<NodeProto>();
  for (const name of tokensBehind(graph, output, (name) => allowed.has(name))) {
    if (allowed.has(name)) continue;
    const node = graph.producer.get(name);
    if (!node) refuse({ ...place, expected: `a module that reads ${place.expected}`, found: name });
    region.add(node);
  }
  return region;
}
