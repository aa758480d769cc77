/** The layers of a decoder, along the residual stream. */

import { ports } from '@transprune/core';
import {
  besideAttention,
  checkCorrected,
  checkTaken,
  type StackedStreams,
  stackedStreams,
} from './altup.js';
import { type LayerCache, pastsOf, presentsOf } from './caches.js';
import type { ClassifiedGraph } from './classified-graph.js';
import type { DecoderLayer } from './decoder.js';
import { type FeatureRead, featuresOf } from './features.js';
import { borrowedMixing, type Mixing, ownMixing, readMixer } from './mixer.js';
import { readFfn } from './modules.js';
import { refuse } from './refuse.js';
import {
  type Injection,
  injectionOf,
  isPerToken,
  type Join,
  joinOf,
  streamFrom,
} from './stream.js';
import { parallelTerms } from './variants.js';

/** The layers, and what is added to the stream beside their modules. */
export interface Layers {
  readonly layers: readonly DecoderLayer[];
  readonly injections: readonly Injection[];
  readonly features: readonly FeatureRead[];
}

/** Where a module starts: the stream as the last join left it. */
type Entry = Pick<Join, 'stream' | 'normed'>;

/** A join, and the stream as it reads it. */
interface Reached {
  readonly stream: string;
  readonly join: Join;
}

/**
 * Reads the layers.
 *
 * @param caches what each carries from call to call; layers at the end may borrow keys and values instead
 * @throws TransPruneError UNSUPPORTED_MODEL with the first thing that is not understood
 */
export function readLayers(
  graph: ClassifiedGraph,
  caches: readonly LayerCache[],
  embeddings: string,
): Layers {
  const layers: DecoderLayer[] = [];
  const injections: Injection[] = [];
  const features: FeatureRead[] = [];
  const cached = namesOf(caches);
  const isCached = (name: string) => cached.has(name);
  const stacks = stackedStreams(graph, embeddings);
  let entry: Entry = { stream: stacks ? stacks[0]?.active : embeddings, normed: undefined };
  for (let at = 0; ; at++) {
    const where = `layer ${at + 1}`;
    const own = caches[at];
    const mixing = own ? ownMixing(graph, own, where) : furtherMixing(graph, entry, caches, where);
    if (!mixing) return { layers, injections, features };
    const stack = stacks?.[at];
    if (stack) checkTaken(graph, stack, mixing.nodes, where);
    const { layer, last } = readLayer(graph, entry, mixing, where, stack);
    layers.push(layer);
    if (stacks && stack) {
      const next = stacks[at + 1];
      const output = next?.predictions ?? ports.logits;
      const left = [stack.predictions, last.stream ?? ''];
      checkCorrected(graph, output, left, `after ${where}`);
      const streams = [...left, stack.active, layer.streamIn, layer.mixer.output];
      features.push(...(featuresOf(graph, { output, streams, layer: at, isCached }) ?? []));
      entry = { stream: next?.active, normed: undefined };
      continue;
    }
    entry = injected(graph, last, at, injections);
    const further = reachedBy(graph, entry, `after ${where}`);
    const streams = [entry.stream ?? '', further?.stream ?? ''];
    const output = further?.join.moduleOutput ?? '';
    const added = further && featuresOf(graph, { output, streams, layer: at, isCached });
    if (!further || !added) continue;
    features.push(...added);
    entry = further.join;
  }
}

/** Every value that is carried from call to call, before it and after. */
function namesOf(caches: readonly LayerCache[]): ReadonlySet<string> {
  return new Set(caches.flatMap((cache) => [...pastsOf(cache), ...presentsOf(cache)]));
}

/**
 * One layer: a mixer and an FFN, one after the other or side by side.
 *
 * @param stack what it predicts, where there are several streams
 */
function readLayer(
  graph: ClassifiedGraph,
  entry: Entry,
  mixing: Mixing,
  where: string,
  stack: StackedStreams | undefined,
): { layer: DecoderLayer; last: Join } {
  const { stream: streamIn, join: middle } = nextJoin(graph, entry, `${where}, mixer`);
  const source = { streams: [entry.stream ?? '', streamIn], normed: entry.normed };
  const terms = parallelTerms(graph, middle, mixing.nodes);
  const site = { join: middle.node, source, where };
  const mixer = readMixer(graph, mixing, { ...site, output: terms?.mixer ?? middle.moduleOutput });
  const { cache, states } = mixing;
  const layer = {
    streamIn,
    stack,
    mixer,
    ...('reading' in mixer && { attention: mixer }),
    middleJoin: middle.node,
    cache,
    states,
  };
  const place = `${where}, FFN`;
  if (terms) {
    const ffn = readFfn(graph, { ...site, where: place, output: terms.other });
    return { layer: { ...layer, ffn }, last: middle };
  }
  const beside = stack && besideAttention(graph, middle, mixer.input, place);
  const after = beside ?? middle;
  const { stream: inside, join: last } = nextJoin(graph, after, place);
  const ffn = readFfn(graph, {
    join: last.node,
    output: last.moduleOutput,
    source: { streams: [after.stream ?? '', inside], normed: after.normed },
    before: { ...source, norm: mixer.input },
    where: place,
  });
  return { layer: { ...layer, ffn }, last };
}

/** The mixer of a layer after all that have a cache: one that borrows keys and values. Undefined at the end. */
function furtherMixing(
  graph: ClassifiedGraph,
  entry: Entry,
  caches: readonly LayerCache[],
  where: string,
): Mixing | undefined {
  const further = reachedBy(graph, entry, 'the end');
  if (!further) return undefined;
  const streams = [entry.stream ?? '', further.stream];
  const mixing = borrowedMixing(graph, { join: further.join, streams, caches, where });
  if (mixing) return mixing;
  return refuse({
    where: 'after the last layer',
    expected: `nothing to be added to the stream after ${caches.length} layers with a cache`,
    found: further.join.node.opType,
    node: further.join.node,
  });
}

/**
 * The stream after what inputs add to it.
 *
 * @param injections takes what is added
 */
function injected(
  graph: ClassifiedGraph,
  entry: Entry,
  layer: number,
  injections: Injection[],
): Entry {
  const { stream } = entry;
  const injection = stream === undefined ? undefined : injectionOf(graph, stream, layer);
  if (!injection) return entry;
  if (!isPerToken(graph, injection)) {
    refuse({
      where: `after layer ${layer + 1}`,
      expected: `features [batch, tokens, hidden], or one of several, to be added to the stream as the input ${injection.input} holds them`,
      found: injection.value,
      node: injection.node,
    });
  }
  injections.push(injection);
  return injection;
}

/** Where a stream is added to next; undefined where it is not any more. */
function reachedBy(graph: ClassifiedGraph, { stream }: Entry, where: string): Reached | undefined {
  const joined = stream === undefined ? undefined : streamFrom(graph, stream, where);
  const join = joined === undefined ? undefined : joinOf(graph, joined, where);
  return joined !== undefined && join ? { stream: joined, join } : undefined;
}

/** The stream that a module is added to, and where. */
function nextJoin(graph: ClassifiedGraph, entry: Entry, where: string): Reached {
  const reached = reachedBy(graph, entry, where);
  if (reached) return reached;
  const readers = (graph.uses.get(entry.stream ?? '') ?? []).map(({ node }) => node.opType);
  return refuse({
    where,
    expected: `${entry.stream ?? 'a residual stream'} to be read by a norm and by an add after a module`,
    found: readers.join(', ') || 'no reader',
  });
}
