/** What mixes a layer's tokens, found by what the layer carries from call to call. */

import type { NodeProto } from '../proto/onnx_pb.js';
import { makerOf, originalOf } from './attention/cache.js';
import { attentionFamilies } from './attention/index.js';
import { checkMask } from './attention/mask.js';
import type { LayerCache } from './caches.js';
import { type ClassifiedGraph, numberUses, tokensBehind } from './classified-graph.js';
import type { AttentionReading, LayerCacheNames, Mixer, StateNames } from './decoder.js';
import type { MixerReading } from './mixers/family.js';
import { mixerFamilies } from './mixers/index.js';
import { type ModuleSite, readAttentionModule, readStateModule } from './modules.js';
import { refuse } from './refuse.js';
import type { Join } from './stream.js';

/** What mixes a layer's tokens, before it is known where the layer stands. */
export interface Mixing {
  readonly attention?: AttentionReading;
  /** The layer, counted from 0, that keys and values are borrowed from. */
  readonly lender?: number;
  readonly cache?: LayerCacheNames;
  readonly states: readonly StateNames[];
  /** One for each state. */
  readonly readings: readonly MixerReading[];
  /** The nodes that mix, or the first of several. */
  readonly nodes: readonly NodeProto[];
}

/**
 * Reads what a layer's keys and values, or its states, belong to.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if no family knows it
 */
export function ownMixing(
  graph: ClassifiedGraph,
  { cache, states }: LayerCache,
  where: string,
): Mixing {
  if (cache) {
    const attention = readAttention(graph, cache, where);
    return { attention, cache, states, readings: [], nodes: [attention.node] };
  }
  const readings = states.map((state) => readState(graph, state, where));
  return { states, readings, nodes: readings.map(({ node }) => node) };
}

function readAttention(
  graph: ClassifiedGraph,
  cache: LayerCacheNames,
  where: string,
): AttentionReading {
  const presentKeyNode = makerOf(graph, cache.presentKey);
  for (const family of presentKeyNode ? attentionFamilies() : []) {
    const reading = presentKeyNode && family.read(graph, { where, cache, presentKeyNode });
    if (!reading) continue;
    checkPresent(graph, cache, where);
    return checked(graph, reading, where);
  }
  return refuse({
    where,
    expected: `${cache.presentKey} to come from a known attention family (${namesOf(attentionFamilies())})`,
    found: presentKeyNode?.opType ?? 'no node',
    node: presentKeyNode,
  });
}

/** A layer's present keys and values have to be its own past ones and what was added to them. */
function checkPresent(
  graph: ClassifiedGraph,
  { presentKey, presentValue, pastKey, pastValue }: LayerCacheNames,
  where: string,
): void {
  const [key, value] = [makerOf(graph, presentKey), makerOf(graph, presentValue)];
  const goesOn = (node: NodeProto | undefined, past: string | undefined) =>
    past === undefined || node?.input.some((input) => originalOf(graph, input) === past);
  const placeOf = (node: NodeProto | undefined, present: string) =>
    node?.output.indexOf(originalOf(graph, present)) ?? -1;
  // Operators that hold the cache give keys before values.
  const inOrder = key !== value || placeOf(key, presentKey) < placeOf(value, presentValue);
  if (goesOn(key, pastKey) && goesOn(value, pastValue) && inOrder) return;
  refuse({
    where,
    expected: `${presentKey} and ${presentValue} to go on from ${pastKey} and ${pastValue}`,
    found: `${key?.opType ?? 'no node'} and ${value?.opType ?? 'no node'} of others`,
    node: value ?? key,
  });
}

const namesOf = (families: readonly { readonly name: string }[]) =>
  families.map(({ name }) => name).join(', ');

function checked(
  graph: ClassifiedGraph,
  reading: AttentionReading,
  where: string,
): AttentionReading {
  for (const mask of reading.masks ?? []) checkMask(graph, mask, where);
  return reading;
}

function readState(graph: ClassifiedGraph, state: StateNames, where: string): MixerReading {
  const readers = numberUses(graph, state.past).map(({ node }) => node);
  const [reader, second] = readers;
  for (const family of reader && !second ? mixerFamilies() : []) {
    const reading = reader && family.read(graph, { where, state, reader });
    if (reading) return reading;
  }
  return refuse({
    where,
    expected: `${state.past} to be read by a known mixer (${namesOf(mixerFamilies())})`,
    found: [...new Set(readers.map(({ opType }) => opType))].join(', ') || 'no reader',
    node: second ?? reader,
  });
}

/** A layer without a cache of its own. */
export interface BorrowingSite {
  readonly join: Join;
  /** The stream before it, under each name. */
  readonly streams: readonly string[];
  readonly caches: readonly LayerCache[];
  readonly where: string;
}

/**
 * Reads attention over keys and values of an earlier layer.
 *
 * @returns undefined for a module that reads none
 * @throws TransPruneError UNSUPPORTED_MODEL for attention whose family is not known to borrow
 */
export function borrowedMixing(
  graph: ClassifiedGraph,
  { join, streams, caches, where }: BorrowingSite,
): Mixing | undefined {
  const lenders = new Map(
    caches.flatMap(({ cache }, at) =>
      cache ? [[originalOf(graph, cache.presentKey), { at, cache }] as const] : [],
    ),
  );
  const values = new Set(
    caches.flatMap(({ cache }) => (cache ? originalOf(graph, cache.presentValue) : [])),
  );
  const isEnd = (name: string) => streams.includes(name) || lenders.has(name) || values.has(name);
  const region = new Set(tokensBehind(graph, join.moduleOutput, isEnd));
  // What repeats borrowed keys for each head may be the lender's own.
  const isInside = ({ output: [made = ''] }: NodeProto) => region.has(made);
  for (const name of region) {
    const node = graph.producer.get(name);
    const key = node?.input.find((input) => lenders.has(input));
    const lender = lenders.get(key ?? '');
    if (!node || !lender) continue;
    for (const family of attentionFamilies()) {
      const reading = family.borrow?.(graph, { where, node, isInside, lender: lender.cache });
      if (!reading) continue;
      const attention = checked(graph, reading, where);
      return { attention, lender: lender.at, states: [], readings: [], nodes: [attention.node] };
    }
    refuse({
      where,
      expected: 'keys and values of its own, or attention that is known to borrow them',
      found: `${node.opType} over keys of layer ${lender.at + 1}`,
      node,
    });
  }
  return undefined;
}

/**
 * Reads a mixer as a module of the residual stream.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a module that reads anything else
 */
export function readMixer(
  graph: ClassifiedGraph,
  { attention, lender, cache, states, readings }: Mixing,
  site: ModuleSite,
): Mixer {
  if (!attention) return readStateModule(graph, { ...site, readings, states });
  const module = readAttentionModule(graph, { ...site, reading: attention, cache });
  return lender === undefined ? module : { ...module, lender };
}
