/**
 * Cut: the rows that stay are gathered from everything that crosses a prune, and the layers after
 * it read the gathered values.
 */
import { create } from '@bufbuild/protobuf';
import { maskOutput, methodOf, pastMaskInput, readsNextLayer } from '@transprune/core';
import { makerOf } from '../../decoder/attention/cache.js';
import { type ClassifiedGraph, inputsOf, tokensBehind } from '../../decoder/classified-graph.js';
import type { DecoderLayer } from '../../decoder/decoder.js';
import { refuse } from '../../decoder/refuse.js';
import type { Emitter } from '../../graph/emitter.js';
import { walk } from '../../graph/walk.js';
import { type NodeProto, NodeProtoSchema } from '../../proto/onnx_pb.js';
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
import { insertBefore, type WorkingGraph } from '../working-graph.js';
import { emitGather, emitGatherStack } from './gather.js';

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
  const isOf = (value: string) => value === next.stack?.predictions;
  const inputs = emitter.child('', { role: 'stage-input', stage: index });
  const gatherBy = (by: Emitter) => (value: string, axis: number) =>
    gate.output(
      isOf(value) ? emitGatherStack(by, selection, value) : emitGather(by, selection, value, axis),
      { passes: value },
      `${value}/after_layer_${afterLayer}`,
    );
  const gather = gatherBy(emitters.gather);
  checkOwnNumbers(decoder.graph, next, scoresProjections);
  const rows = cut(graph, next, scoresProjections, {
    gather: (value) => gather(value, 1),
    suffix: `after_layer_${afterLayer}`,
    emitter: inputs,
  });
  const stream = rows.get(next.streamIn) ?? '';
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
    stack: rows.get(next.stack?.predictions ?? ''),
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

/** What crosses a prune. */
interface Crossing {
  /** What the layer after the prune adds its modules to. */
  readonly entering: string;
  /** Made of it on all tokens; their rows are gathered too. */
  readonly crossing: readonly string[];
  /** Those that the score uses, where it does. */
  readonly projections: readonly string[] | undefined;
  /** Those that more than one module reads. */
  readonly beside: readonly string[];
}

function crossingOf(next: DecoderLayer, projectionsAreScored: boolean): Crossing {
  const { mixer, attention, ffn, stack, streamIn } = next;
  const projections = projectionsAreScored ? attention?.projections : undefined;
  const beside = [...(ffn.isParallel ? [ffn.input] : []), ...(stack ? [mixer.input] : [])];
  const crossing = [...new Set([...(projections ?? [mixer.input]), ...beside])];
  return { entering: stack?.predictions ?? streamIn, crossing, projections, beside };
}

/** Take sizes and places, which are followed along the axis of the tokens elsewhere. */
const movers: ReadonlySet<string> = new Set([
  ...['Expand', 'Gather', 'Reshape', 'Slice', 'Split', 'Squeeze', 'Tile', 'Transpose', 'Unsqueeze'],
]);

/**
 * Checks that what crosses a prune is made of a token's own numbers and of constants: it is made before the prune, so
 * that a number of tokens, or a position, in it would be that of the prompt before.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL
 */
function checkOwnNumbers(graph: ClassifiedGraph, next: DecoderLayer, isScored: boolean): void {
  const { entering, crossing } = crossingOf(next, isScored);
  // A fused node gives out both the stream and its norm.
  const joined = makerOf(graph, entering);
  const isEntering = (name: string) =>
    name === entering || (joined !== undefined && graph.producer.get(name) === joined);
  const made = crossing.flatMap((value) => [...tokensBehind(graph, value, isEntering)]);
  for (const name of new Set(made)) {
    const node = isEntering(name) ? undefined : graph.producer.get(name);
    if (!node || movers.has(node.opType)) continue;
    const [found] = inputsOf(graph, name, 'derived');
    if (found === undefined) continue;
    refuse({
      where: 'in the layer after a prune, between the stream and its projections',
      expected: "a norm of a token's own numbers and of constants",
      found: `${found}, which is made of what a call tells of its tokens`,
      node,
    });
  }
}

/** What a cut is made with. */
interface Cutting {
  /** Takes the rows that stay from a value `[batch, tokens, ...]`, or from several streams. */
  gather(value: string): string;
  /** Takes copies of nodes that run on those rows; ends their values' names. */
  readonly emitter: Emitter;
  readonly suffix: string;
}

/**
 * Gathers and rewires. Where the score uses the next layer's projections, they are made once, on all
 * tokens, and their rows are gathered; otherwise the rows of the norm's output are gathered, and only
 * what stays is projected. An FFN beside the mixer reads the rows of its norm. Of several streams all cross, as the
 * layer predicts them: the active one is taken of those rows again, and what is added beside attention reads rows of
 * its norm.
 *
 * @param next the layer after the prune
 * @returns for each value that crosses, the value that holds its gathered rows
 */
function cut(
  graph: WorkingGraph,
  next: DecoderLayer,
  projectionsAreScored: boolean,
  { gather, ...copying }: Cutting,
): ReadonlyMap<string, string> {
  const { mixer, stack, streamIn } = next;
  const { projections, beside, crossing, entering } = crossingOf(next, projectionsAreScored);
  const gathered = new Map([entering, ...crossing].map((value) => [value, gather(value)]));
  const projecting = projections ? makersOf(graph, projections, mixer.input) : new Set();
  for (const node of graph.nodes) {
    node.input = node.input.map((name) => {
      // What makes projections of all tokens, and sizes of all of them, goes on reading all.
      const isOfAll = beside.includes(name) && (projecting.has(node) || node.opType === 'Shape');
      const rows = crossing.includes(name) && !isOfAll ? gathered.get(name) : undefined;
      return rows ?? name;
    });
  }
  const rows = new Map([[entering, gathered.get(entering) ?? entering]]);
  if (!stack) {
    reread([graph.copyOf(next.middleJoin)], rows);
    return gathered;
  }
  const norming = makersOf(graph, [mixer.input], entering);
  const others = graph.nodes.filter((node) => !norming.has(node) && node.opType !== 'Shape');
  const active = copiesBetween(graph, streamIn, rows, copying);
  reread(others, active);
  return new Map([...gathered, ...active]);
}

/** Makes nodes read other values in place of some. */
function reread(nodes: Iterable<NodeProto>, values: ReadonlyMap<string, string>): void {
  for (const node of nodes) node.input = node.input.map((name) => values.get(name) ?? name);
}

/**
 * Makes a value once more, of the rows of another.
 *
 * @param rows by the value that they are of
 * @returns the same, with every value that was made of it
 */
function copiesBetween(
  graph: WorkingGraph,
  value: string,
  rows: ReadonlyMap<string, string>,
  { emitter, suffix }: Omit<Cutting, 'gather'>,
): ReadonlyMap<string, string> {
  const [source = ''] = rows.keys();
  const between = makersOf(graph, [value], source);
  const made = new Map(rows);
  for (const node of graph.nodes.filter((own) => between.has(own))) {
    // Constants are the same for all tokens.
    if (!node.input.some((name) => made.has(name))) continue;
    const output = node.output.map((name) => (name ? `${name}/${suffix}` : ''));
    const input = node.input.map((name) => made.get(name) ?? name);
    const copy = create(NodeProtoSchema, { ...node, name: output[0] ?? '', input, output });
    insertBefore(graph, emitter, node, () => emitter.add(copy));
    for (const [at, name] of node.output.entries()) made.set(name, output[at] ?? '');
  }
  return made;
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
