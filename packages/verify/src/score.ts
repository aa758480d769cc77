/** A stage's score and choice once more, in float64 arrays, from what the graph's score is made of. */
import {
  arrayAlgebra as algebra,
  askingRows,
  attentionUpdate,
  carriesTransition,
  type ImageQuota,
  instructionAttention,
  keptOutput,
  keyNorm,
  layerTransition,
  layerVariation,
  type ModulePass,
  methodOf,
  type NDArray,
  ndarray,
  type PrunePlan,
  type SignalName,
  scoreOutput,
  seesKey,
  selectTokens,
  signalsFor,
  splitHeads,
  spreadOverImage,
  stageQuotas,
  uniformNoise,
} from '@transprune/core';
import type { InstructionAttentionTaps, StageTaps } from '@transprune/onnx';
import { largest, relativeDifference, worst } from './compare.js';
import type { Answer } from './play.js';
import type { RowCall } from './prompt.js';

/** How far a graph's stages are from the reference's. */
export interface ScoreComparison {
  /** Of the scores, relative to the largest. */
  readonly score: number | null;
  /**
   * How much worse than the reference's choice the graph's is, by the reference's scores, relative to
   * the largest: 0 for the same tokens.
   */
  readonly kept: number | null;
  /** Whether the graph's scores are numbers: those of a decoder whose own numbers overflow are not. */
  readonly isNumeric: boolean;
  /** Whether all text stays, and of each image as many tokens as it should. */
  readonly isCounted: boolean;
  /** Of which rows ask and what they may see; 0 or 1. */
  readonly rows: number;
  /** Least distance between a kept and a dropped token's score, relative to the largest. */
  readonly gap: number;
}

export interface ScoredCall {
  readonly plan: PrunePlan;
  readonly taps: readonly StageTaps[];
  readonly call: RowCall;
  readonly answer: Answer;
  /** Whether the graph takes marks. */
  readonly instructionMask: boolean;
  /** Cache length of each layer before the call. */
  readonly pastLengths: readonly number[];
}

/** Outputs that `compareScores` reads. */
export function scoredOutputs(taps: readonly StageTaps[]): string[] {
  return taps.flatMap((stage, index) => {
    const { instructionAttention: attention } = stage;
    return [
      keptOutput(index),
      scoreOutput(index),
      ...stage.layers.flatMap(({ modules }) => modules.flatMap((m) => [m.input, m.output])),
      ...(stage.last ?? []),
      stage.keys ?? '',
      ...(attention
        ? [attention.logits, attention.bias, attention.rowWeights ?? '', attention.past]
        : []),
    ].filter((name) => name !== '');
  });
}

/** Holds the scores and choices of one call on one row against the reference. */
export function compareScores(scored: ScoredCall): ScoreComparison {
  const { plan, taps, call, answer } = scored;
  const method = methodOf(plan);
  const read = (name: string) => answer.outputs[name] ?? ndarray([], [0]);
  const noise = uniformNoise(plan.seed, call.spans.length);
  const spread = spreadOverImage(call.spans);
  let places = call.spans.map((_, place) => place);
  let transition = ndarray(new Float64Array(places.length), [1, places.length]);
  const comparisons = taps.map((stage, index): ScoreComparison => {
    const row = (values: readonly number[]) => ndarray(values, [1, values.length]);
    const spans = places.map((place) => call.spans[place] ?? 0);
    const imageMask = row(spans.map((span) => (span === 0 ? 0 : 1)));
    const { instructionAttention: attention } = stage;
    for (const { modules } of stage.layers) {
      const passes = modules.map((m) => ({ input: read(m.input), output: read(m.output) }));
      transition = algebra.add(transition, layerTransition(algebra, passes, plan));
    }
    const signals: Record<SignalName, () => NDArray> = {
      transition: () => transition,
      instructionAttention: () => received(attention, read),
      variation: () => layerVariation(algebra, lastPasses(stage, read)),
      attentionUpdate: () => attentionUpdate(algebra, lastPasses(stage, read)),
      keyNorm: () => keyNorm(algebra, read(stage.keys ?? '')),
      noise: () => row(places.map((place) => noise[place] ?? 0)),
      spread: () => row(places.map((place) => spread[place] ?? 0)),
    };
    const ofAll = method.score(algebra, signalsFor(method, signals), imageMask);
    const scores = algebra.multiply(ofAll, imageMask).data;
    const found = read(scoreOutput(index)).data;
    const kept = [...read(keptOutput(index)).data].filter((place) => place >= 0);
    const survivors = kept.map((place) => places.indexOf(place));
    const { keepRatio } = plan.stages[index] ?? { keepRatio: 1 };
    const images = survivors.filter((at) => (spans[at] ?? 0) !== 0).length;
    const quotas = withRounding(
      stageQuotas(plan, keepRatio, call.spans, { scores, spans }),
      plan,
      images,
    );
    const choice = selectTokens(scores, spans, quotas);
    const scale = Math.max(largest(scores), 1e-30);
    const groups = quotas.map(({ spans: own }) => ({
      isOwn: (at: number) => own.has(spans[at] ?? 0),
    }));
    const result = {
      isNumeric: [...found].every(Number.isFinite),
      isCounted: differenceInCounts(survivors, choice, kindsOf(spans, plan)) === 0,
      score: relativeDifference(found, scores),
      kept: lossOf(survivors, choice, scores, scale, groups),
      rows: rowsDiffer(scored, index, places, read) ? 1 : 0,
      gap: Math.min(...groups.map(({ isOwn }) => gapOf(survivors, found, scale, isOwn))),
    };
    const left = survivors.filter((at) => at >= 0);
    const carried = carriesTransition(plan) ? transition.data : [];
    transition = row(left.map((at) => carried[at] ?? 0));
    places = left.map((at) => places[at] ?? 0);
    return result;
  });
  return {
    isNumeric: comparisons.every(({ isNumeric }) => isNumeric),
    isCounted: comparisons.every(({ isCounted }) => isCounted),
    score: worst(comparisons.map(({ score }) => score)),
    kept: worst(comparisons.map(({ kept }) => kept)),
    rows: Math.max(0, ...comparisons.map(({ rows }) => rows)),
    gap: Math.min(Number.POSITIVE_INFINITY, ...comparisons.map(({ gap }) => gap)),
  };
}

/** Where the score decides how many stay, rounding may add or take the last one. */
function withRounding(
  quotas: readonly ImageQuota[],
  { keepMass }: PrunePlan,
  found: number,
): readonly ImageQuota[] {
  if (keepMass === undefined) return quotas;
  return quotas.map((quota) => ({
    ...quota,
    kept: Math.abs(quota.kept - found) <= 1 ? found : quota.kept,
  }));
}

/** 0 at text; images that are ranked together are one. */
const kindsOf = (spans: readonly number[], { perImage }: PrunePlan) =>
  perImage ? spans : spans.map(Math.sign);

/** By how many tokens of each kind two choices differ. */
function differenceInCounts(
  actual: readonly number[],
  expected: readonly number[],
  kinds: readonly number[],
): number {
  const count = (choice: readonly number[], kind: number) =>
    choice.filter((at) => kinds[at] === kind).length;
  return [...new Set(kinds)].reduce(
    (sum, kind) => sum + Math.abs(count(actual, kind) - count(expected, kind)),
    0,
  );
}

interface Group {
  isOwn(at: number): boolean;
}

/** null if the choice is not of as many tokens of each image, in order. */
function lossOf(
  actual: readonly number[],
  expected: readonly number[],
  scores: Float64Array,
  scale: number,
  groups: readonly Group[],
): number | null {
  const inOrder = actual.every((at, i) => at > (actual[i - 1] ?? -1));
  if (!inOrder || actual.length !== expected.length) return null;
  let loss = 0;
  const [taken, wanted] = [new Set(actual), new Set(expected)];
  for (const { isOwn } of groups) {
    const missed = expected.filter((at) => isOwn(at) && !taken.has(at));
    const instead = actual.filter((at) => isOwn(at) && !wanted.has(at));
    if (missed.length !== instead.length) return null;
    const of = (at: number) => scores[at] ?? 0;
    if (missed.length > 0) {
      loss = Math.max(loss, Math.max(...missed.map(of)) - Math.min(...instead.map(of)));
    }
  }
  return loss / scale;
}

/** Between the worst kept and the best dropped token of a group. */
function gapOf(
  survivors: readonly number[],
  scores: Float64Array,
  scale: number,
  isOwn: (at: number) => boolean,
): number {
  const kept = new Set(survivors);
  const own = [...scores.keys()].filter(isOwn);
  const of = (at: number) => scores[at] ?? 0;
  const worstKept = Math.min(...own.filter((at) => kept.has(at)).map(of));
  const bestDropped = Math.max(...own.filter((at) => !kept.has(at)).map(of));
  return (worstKept - bestDropped) / scale;
}

type Read = (name: string) => NDArray;

/** The layer before a prune; what its modules read is not asked. */
function lastPasses({ last = [] }: StageTaps, read: Read): ModulePass<NDArray>[] {
  return last.map((name) => ({ input: read(name), output: read(name) }));
}

function received(attention: InstructionAttentionTaps | undefined, read: Read): NDArray {
  if (!attention) return ndarray([], [1, 0]);
  const { logits, bias, rowWeights, past } = attention;
  const all = instructionAttention(algebra, {
    logits: read(logits),
    bias: read(bias),
    rowWeights: rowWeights === undefined ? undefined : read(rowWeights),
  });
  return algebra.slice(all, -1, read(past).data[0] ?? 0, Number.MAX_SAFE_INTEGER);
}

/** Whether other rows ask, or see other tokens, than the prompt says. */
function rowsDiffer(
  { taps, call, instructionMask, plan, pastLengths }: ScoredCall,
  stage: number,
  places: readonly number[],
  read: Read,
): boolean {
  const attention = taps[stage]?.instructionAttention;
  // Where no image is left nothing is ranked.
  if (!attention || places.every((place) => call.spans[place] === 0)) return false;
  const left = {
    count: places.length,
    isImage: (at: number) => call.spans[places[at] ?? 0] !== 0,
    isMarked: (at: number) => instructionMask && call.marks[places[at] ?? 0] === 1,
  };
  const asking = askingRows(left, methodOf(plan).asks);
  const [start = 0] = asking;
  const cached = pastLengths[plan.stages[stage]?.afterLayer ?? 0] ?? 0;
  const past = cached + (attention.hasSinks ? 1 : 0);
  const rows = places.length - start;
  const expectedBias = Array.from({ length: rows * (past + places.length) }, (_, i) => {
    const [row, column] = [Math.floor(i / (past + places.length)), i % (past + places.length)];
    return seesKey(start + row, column, past) ? 0 : 1;
  });
  const bias = [...read(attention.bias).data].map((value) => (value < -1e8 ? 1 : 0));
  const differs = (found: readonly number[], expected: readonly number[]) =>
    (relativeDifference(found, expected) ?? 1) > 1e-6;
  const weights =
    attention.rowWeights === undefined ? undefined : [...read(attention.rowWeights).data];
  const expectedWeights = Array.from({ length: rows }, (_, row) =>
    asking.includes(start + row) ? 1 / asking.length : 0,
  );
  const heldBack = read(attention.past).data[0] !== past;
  return (
    heldBack ||
    differs(bias, expectedBias) ||
    (weights !== undefined && differs(weights, expectedWeights)) ||
    read(attention.logits).shape[2] !== rows
  );
}

/**
 * How far the attention that scores is from the layer's own, where nothing is dropped: its probabilities
 * times the values, against what attention gives to the same rows; relative to the largest.
 *
 * @param values the layer's values, past and present, `[1, kv_heads, past + tokens, head_dim]`
 */
export function compareAttention(
  attention: InstructionAttentionTaps,
  read: Read,
  values: NDArray,
  heads: number,
): number | null {
  const [, kvHeads = 1, , headDim = 1] = values.shape;
  const sinks = algebra.multiply(algebra.slice(values, 2, 0, 1), algebra.constant(0));
  const all = attention.hasSinks ? algebra.concat([sinks, values], 2) : values;
  const probabilities = algebra.softmax(
    algebra.add(read(attention.logits), read(attention.bias)),
    -1,
  );
  const [, , rows = 0, columns = 0] = probabilities.shape;
  const grouped = algebra.reshape(probabilities, [1, kvHeads, -1, columns]);
  const expected = algebra.reshape(algebra.matmul(grouped, all), [1, heads, rows, headDim]);
  const given = read(attention.attended);
  const attended = given.shape.length === 3 ? splitHeads(algebra, given, heads, headDim) : given;
  const tokens = attended.shape[2] ?? 0;
  return relativeDifference(algebra.slice(attended, 2, tokens - rows, tokens).data, expected.data);
}
