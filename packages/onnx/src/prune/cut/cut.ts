/**
 * Cut: the rows that stay are gathered from everything that crosses a prune, and the layers after
 * it read the gathered values.
 */
import { maskOutput, methodOf, pastMaskInput, readsNextLayer } from '@transprune/core';
import type { DecoderLayer } from '../../decoder/decoder.js';
import type { Emitter } from '../../graph/emitter.js';
import { walk } from '../../graph/walk.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { emitStageLength, emitStagePast } from '../cache-lengths.js';
import type { Gate } from '../gate.js';
import type { CutStage } from '../rebase/rebase.js';
import type { Selection } from '../select/select.js';
import {
  nextLayer,
  type StageEmitters,
  type StagesContext,
  stageAt,
  stagePrefix,
} from '../stage.js';
import type { Call } from '../tokens.js';
import type { WorkingGraph } from '../working-graph.js';
import { emitGather } from './gather.js';

/** Where a cut is made. */
export interface CutSite {
  readonly gate: Gate;
  readonly emitters: StageEmitters;
  readonly index: number;
  readonly selection: Selection;
  /** Over the cache of the layer after the prune and the tokens before it, where rows are padded. */
  readonly scoredMask?: string | undefined;
  /** Tokens in that cache, where it may have room for more. */
  readonly scoredPast?: string | undefined;
  readonly call?: Call;
}

/** Gathers what crosses a prune, and lets the layers after it read that. */
export function cutAt(context: StagesContext, site: CutSite): CutStage {
  const { graph, decoder, plan, emitter, options } = context;
  const { gate, emitters, index, selection, scoredMask, scoredPast } = site;
  const { afterLayer } = stageAt(context, index);
  const next = nextLayer(decoder, afterLayer);
  const scoresProjections = readsNextLayer(methodOf(plan));
  const gatherBy = (by: Emitter) => (value: string, axis: number) =>
    gate.output(
      emitGather(by, selection, value, axis),
      { passes: value },
      `${value}/after_layer_${afterLayer}`,
    );
  const gather = gatherBy(emitters.gather);
  const rows = cut(graph, next, scoresProjections, (value) => gather(value, 1));
  const stream = rows.get(next.streamIn) ?? '';
  const inputs = emitter.child('', { role: 'stage-input', stage: index });
  const lengths = inputs.child(`${stagePrefix(afterLayer)}/length`);
  return {
    afterLayer,
    emitter: inputs,
    clones: emitter.child('', { role: 'derived', stage: index }),
    suffix: `after_layer_${afterLayer}/derived`,
    stream,
    mask: emitMaskOutput(site),
    past: emitStagePast(lengths, index, options),
    total: emitStageLength(lengths, index, stream, options),
    scored: {
      afterLayer,
      emitter: emitters.copy,
      clones: emitters.copy,
      suffix: `after_layer_${afterLayer}/scored`,
      stream: next.streamIn,
      mask: scoredMask,
      past: scoredPast,
    },
    gather: gatherBy(emitters.angles),
    gathered: [...rows.values()],
  };
}

/** The mask that goes with the stage's present cache: in a call without an image every token's own. */
function emitMaskOutput({ gate, emitters, index, selection, call }: CutSite): string | undefined {
  if (!selection.valid) return undefined;
  const joined = (emitter: Emitter, valid: string) =>
    emitter.emit('Concat', [pastMaskInput(index), valid], { attributes: { axis: 1 } });
  return gate.output(
    joined(emitters.select, selection.valid),
    { made: (emitter) => joined(emitter, call?.valid ?? '') },
    maskOutput(index),
  );
}

/**
 * Gathers and rewires. Where the score uses the next layer's projections, they are made once, on all
 * tokens, and their rows are gathered; otherwise the rows of the norm's output are gathered, and only
 * what stays is projected. An FFN beside the mixer reads the rows of its norm.
 *
 * @param next the layer after the prune
 * @param gather takes the rows that stay from a value `[batch, tokens, ...]`
 * @returns for each value that crosses, the value that holds its gathered rows
 */
function cut(
  graph: WorkingGraph,
  next: DecoderLayer,
  projectionsAreScored: boolean,
  gather: (value: string) => string,
): ReadonlyMap<string, string> {
  const { mixer, attention, ffn } = next;
  const projections = projectionsAreScored ? attention?.projections : undefined;
  const beside = ffn.isParallel ? [ffn.input] : [];
  const crossing = [...new Set([...(projections ?? [mixer.input]), ...beside])];
  const gathered = new Map([next.streamIn, ...crossing].map((value) => [value, gather(value)]));
  const projecting = projections ? makersOf(graph, projections, mixer.input) : new Set();
  for (const node of graph.nodes) {
    node.input = node.input.map((name) => {
      // What makes projections of all tokens, and sizes of all of them, goes on reading all.
      const isOfAll = beside.includes(name) && (projecting.has(node) || node.opType === 'Shape');
      const rows = crossing.includes(name) && !isOfAll ? gathered.get(name) : undefined;
      return rows ?? name;
    });
  }
  const join = graph.copyOf(next.middleJoin);
  join.input = join.input.map((name) =>
    name === next.streamIn ? (gathered.get(name) ?? name) : name,
  );
  return gathered;
}

/** The nodes between a value and others that are made of it. */
function makersOf(
  graph: WorkingGraph,
  values: readonly string[],
  source: string,
): ReadonlySet<NodeProto> {
  const next = (name: string) => (name === source ? [] : (graph.producer.get(name)?.input ?? []));
  const makers = [...walk(values, next)].flatMap((name) => {
    const node = name === source ? undefined : graph.producer.get(name);
    return node ? graph.copyOf(node) : [];
  });
  return new Set(makers);
}
