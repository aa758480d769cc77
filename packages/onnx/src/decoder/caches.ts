/** Which inputs and outputs are keys, values and states of which layer. */
import { type CachePort, cachePort, pastCache, presentCache } from '@transprune/core';
import type { GraphIndex } from '../graph/graph.js';
import type { DecoderLayer, LayerCacheNames, StateNames } from './decoder.js';
import { refuse } from './refuse.js';

/** States of layers that mix tokens by convolutions or recurrences, whatever they are called. */
const statePattern =
  /^(?:past|cache|conv|recurrent|ssm|state)[\w.]*?[._](\d+)(?:\.(?!key$|value$)\w+)?$/;

/** At most so many names stand in a message. */
const mostNames = 6;

/** What a layer carries from call to call. */
export interface LayerCache {
  /** Attention's keys and values. */
  readonly cache?: LayerCacheNames | undefined;
  /** States of convolutions and recurrences. */
  readonly states: readonly StateNames[];
}

/**
 * Names of what each layer carries from call to call, in the order of the layers. Layers at the end that borrow
 * keys and values have none.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if there is none, or a layer has a state that is not known
 */
export function cacheNames(graph: GraphIndex): LayerCache[] {
  const outputs = new Set(graph.graph.output.map(({ name }) => name));
  const states = statePorts(graph, outputs);
  const has = (layer: number) =>
    outputs.has(presentCache(layer, 'key')) && outputs.has(presentCache(layer, 'value'));
  checkStates(graph, has);
  const last = Math.max(lastLayer(outputs), ...states.map(({ layer }) => layer));
  const caches = Array.from({ length: last + 1 }, (_, layer): LayerCache => {
    const own = states.filter((state) => state.layer === layer);
    if (has(layer)) {
      checkAlone(layer, own);
      return { cache: namesOf(graph, layer), states: [] };
    }
    if (own.length > 0) return { states: own.map(({ past, present }) => ({ past, present })) };
    return refuse({
      where: `layer ${layer + 1}`,
      expected: `${presentCache(layer, 'key')} and ${presentCache(layer, 'value')} among the outputs, or a state, as every layer has to have one`,
      found: `none, though layer ${last + 1} has one`,
    });
  });
  if (caches.length > 0) return caches;
  return refuse({
    where: 'outputs',
    expected: 'a decoder with a cache: past_key_values.{layer}.key in, present.{layer}.key out',
    found: `no cache outputs among ${[...outputs].slice(0, mostNames).join(', ') || 'none'}`,
  });
}

/** The first of some layers that has keys and values of its own. */
export function firstCache(
  layers: readonly Pick<DecoderLayer, 'cache'>[],
): LayerCacheNames | undefined {
  return layers.find(({ cache }) => cache)?.cache;
}

/** Inputs that hold what a layer carries from call to call; none in a graph that starts without a cache. */
export function pastsOf({ cache, states }: LayerCache): string[] {
  const keysAndValues = [cache?.pastKey ?? [], cache?.pastValue ?? []].flat();
  return [...keysAndValues, ...states.map(({ past }) => past)];
}

/** Outputs that hold the same after the call. */
export function presentsOf({ cache, states }: LayerCache): string[] {
  const keysAndValues = cache ? [cache.presentKey, cache.presentValue] : [];
  return [...keysAndValues, ...states.map(({ present }) => present)];
}

/** States that go in and out under names that exporters agree on. */
function statePorts(graph: GraphIndex, outputs: ReadonlySet<string>): CachePort[] {
  return [...graph.input.keys()].flatMap((name) => {
    const port = cachePort(name);
    const isState = port?.kind === 'conv' || port?.kind === 'recurrent';
    return isState && outputs.has(port.present) ? [port] : [];
  });
}

function namesOf(graph: GraphIndex, layer: number): LayerCacheNames {
  const [presentKey, presentValue] = [presentCache(layer, 'key'), presentCache(layer, 'value')];
  const [pastKey, pastValue] = [pastCache(layer, 'key'), pastCache(layer, 'value')];
  const pasts = [pastKey, pastValue].filter((name) => isDeclared(graph, name, layer));
  return { presentKey, presentValue, ...(pasts.length === 2 && { pastKey, pastValue }) };
}

/** A layer with attention and another mixer side by side is none that is read. */
function checkAlone(layer: number, states: readonly CachePort[]): void {
  const [state] = states;
  if (!state) return;
  refuse({
    where: `layer ${layer + 1}`,
    expected:
      'one mixer in each layer (attention beside a state-space model, as in Falcon-H1 and Hymba, is not supported; no export option avoids it)',
    found: `keys and values, and ${state.past}`,
  });
}

/** States under names that nobody knows, or that come in and do not go out. */
function checkStates({ input, graph }: GraphIndex, hasCache: (layer: number) => boolean): void {
  const given = new Set(graph.output.map(({ name }) => name));
  const states = new Map<number, string[]>();
  for (const name of input.keys()) {
    const [, number] = statePattern.exec(name) ?? [];
    const port = cachePort(name);
    const isKnown = port !== undefined && given.has(port.present);
    if (number === undefined || isKnown || hasCache(Number(number))) continue;
    const layer = Number(number) + 1;
    states.set(layer, [...(states.get(layer) ?? []), name]);
  }
  const [first] = states.values();
  if (!first) return;
  const layers = [...states.keys()].sort((a, b) => a - b);
  refuse({
    where: `${layers.length > 1 ? 'layers' : 'layer'} ${layers.join(', ')}`,
    expected:
      'keys and values, or a convolution or recurrence whose state comes in as past_conv.{layer} and past_recurrent.{layer}, or as past_key_values.{layer}.conv_state and .recurrent_state, and goes out as present',
    found: first.join(', '),
  });
}

/** Counted from 0; -1 if there is none. */
function lastLayer(outputs: Iterable<string>): number {
  let last = -1;
  for (const name of outputs) {
    const layer = Number(/^present\.(\d+)\.(?:key|value)$/.exec(name)?.[1] ?? -1);
    last = Math.max(last, layer);
  }
  return last;
}

/** True for a past that the graph reads; one that it only declares belongs to another branch. */
function isDeclared(graph: GraphIndex, name: string, layer: number): boolean {
  const [use] = graph.uses.get(name) ?? [];
  if (!use || graph.input.has(name)) return use !== undefined;
  return refuse({
    where: `layer ${layer + 1}`,
    expected: `${name} among the inputs`,
    found: `it read by ${use.node.opType} only`,
    node: use.node,
  });
}
