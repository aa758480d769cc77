/** Which inputs and outputs are caches of which layer. */
import { pastCache, presentCache } from '@transprune/core';
import type { GraphIndex } from '../graph/graph.js';
import type { LayerCacheNames } from './decoder.js';
import { refuse } from './refuse.js';

/** States of layers that mix tokens by convolutions or recurrences, as exporters name them. */
const statePattern =
  /^(?:past|cache|conv|recurrent|ssm|state)[\w.]*?[._](\d+)(?:\.(?!key$|value$)\w+)?$/;

/** At most so many names stand in a message. */
const mostNames = 6;

/**
 * Names of each layer's cache, in the order of the layers.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if there is none, or a layer has another state
 */
export function cacheNames(graph: GraphIndex): LayerCacheNames[] {
  const outputs = new Set(graph.graph.output.map(({ name }) => name));
  const has = (layer: number) =>
    outputs.has(presentCache(layer, 'key')) && outputs.has(presentCache(layer, 'value'));
  checkStates(graph, has);
  const last = lastLayer(outputs);
  const caches: LayerCacheNames[] = [];
  for (let layer = 0; layer <= last; layer++) {
    const [presentKey, presentValue] = [presentCache(layer, 'key'), presentCache(layer, 'value')];
    if (!has(layer)) {
      refuse({
        where: `layer ${layer + 1}`,
        expected: `${presentKey} and ${presentValue} among the outputs, as every layer has to have a cache`,
        found: `none, though layer ${last + 1} has one`,
      });
    }
    const [pastKey, pastValue] = [pastCache(layer, 'key'), pastCache(layer, 'value')];
    const pasts = [pastKey, pastValue].filter((name) => isDeclared(graph, name, layer));
    const hasPast = pasts.length === 2;
    caches.push({ presentKey, presentValue, ...(hasPast && { pastKey, pastValue }) });
  }
  if (caches.length > 0) return caches;
  return refuse({
    where: 'outputs',
    expected: 'a decoder with a cache: past_key_values.{layer}.key in, present.{layer}.key out',
    found: `no cache outputs among ${[...outputs].slice(0, mostNames).join(', ') || 'none'}`,
  });
}

/** Hybrids are refused by the layers that make them so: those with a state, but without keys and values. */
function checkStates({ input }: GraphIndex, hasCache: (layer: number) => boolean): void {
  const states = new Map<number, string[]>();
  for (const name of input.keys()) {
    const [, number] = statePattern.exec(name) ?? [];
    if (number === undefined || hasCache(Number(number))) continue;
    const layer = Number(number) + 1;
    states.set(layer, [...(states.get(layer) ?? []), name]);
  }
  const [first] = states.values();
  if (!first) return;
  const layers = [...states.keys()].sort((a, b) => a - b);
  refuse({
    where: `${layers.length > 1 ? 'layers' : 'layer'} ${layers.join(', ')}`,
    expected:
      'keys and values as the state of every layer (hybrids with convolutions or recurrences, such as Qwen3.5 and LFM2, are not supported; no export option avoids them)',
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
