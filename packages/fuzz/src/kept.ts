/**
 * A change that leaves what a decoder computes as it was leaves the score as it was too, for that is made of what
 * modules read and write and of probabilities: the changed decoder has to keep the same tokens, or be refused.
 */
import { clone } from '@bufbuild/protobuf';
import { encodeModel, type OnnxModel, type pruneModel } from '@transprune/onnx';
import { type GraphProto, ModelProtoSchema } from '@transprune/onnx/proto';
import { type Base, baseCount } from './bases.js';
import { difference } from './compare.js';
import { playCut } from './cut.js';
import { changeNeutrally } from './neutral/index.js';
import { type Modules, modulesOf } from './neutral/scene.js';
import { withImage } from './prompt.js';
import { type Answers, playPruned } from './pruned.js';
import { randomOf } from './random.js';
import {
  attempt,
  type Judgement,
  knownBase,
  type Mutant,
  messageOf,
  once,
  planOf,
  reportOf,
  type SeedReport,
} from './seed.js';

const modulesKnown = new Map<Base, Modules>();
const answersKnown = new Map<Base, Promise<readonly Float32Array[]>>();
const prunedKnown = new Map<string, Unchanged | { readonly ended: Judgement }>();

/** A base, pruned, and what it answers. */
interface Unchanged {
  readonly pruned: OnnxModel;
  readonly answers: Promise<Answers>;
}

export async function neutralMutantOf(seed: number): Promise<Mutant> {
  const random = randomOf(seed);
  const known = await knownBase(seed % baseCount);
  const { base } = known;
  const model = clone(ModelProtoSchema, base.model);
  const graph = model.graph as GraphProto;
  const cuts = new Set(base.streams);
  const plan = planOf(random, base);
  const { inner: layers, joins } = once(modulesKnown, base, () => modulesOf(base));
  // Layers counted from 0: those that are accumulated, and those whose attention is asked.
  const scored = [
    ...plan.accumulateLayers.map((layer) => layer - 1),
    ...plan.stages.map(({ afterLayer }) => afterLayer),
  ];
  const inner = new Set(scored.flatMap((layer) => layers[layer] ?? []));
  const changes = changeNeutrally({ ...known, inner, joins, graph, random, cuts });
  return { base, model, changes, plan };
}

/**
 * Prunes a decoder and the same decoder, changed so that it computes the same, and holds one against the other.
 *
 * @param onOriginal told when the changed original begins to run and has run
 */
export async function runKeptSeed(
  seed: number,
  onOriginal: (runs: boolean) => void = () => {},
): Promise<SeedReport> {
  const mutant = await neutralMutantOf(seed);
  return reportOf(seed, mutant, await judgeKept(mutant, { onOriginal }));
}

interface JudgeOptions {
  readonly onOriginal?: (runs: boolean) => void;
  /** What prunes the changed decoder. */
  readonly prune?: typeof pruneModel;
}

/** How a changed decoder, pruned, compares with the unchanged one, and why it is so. */
export async function judgeKept(
  { base, model, plan }: Mutant,
  { onOriginal = () => {}, prune }: JudgeOptions = {},
): Promise<Judgement> {
  const changed = attempt(model, plan, prune);
  if ('ended' in changed) return changed.ended;
  onOriginal(true);
  try {
    const truth = await once(answersKnown, base, () => answersOf(base.model, base));
    const found = await difference(await answersOf(model, base), truth, (nudge) =>
      answersOf(base.model, base, nudge),
    );
    if (found !== undefined) return ['no model', `the change is one: ${found}`];
  } catch (error) {
    return ['no model', messageOf(error)];
  } finally {
    onOriginal(false);
  }
  const play = (own: OnnxModel, nudge = 0) =>
    playPruned(encodeModel(own), base.externalData, withImage, { nudge, again: true });
  const unchanged = once(prunedKnown, `${base.name} ${JSON.stringify(plan)}`, () => {
    const attempted = attempt(base.model, plan);
    return 'ended' in attempted ? attempted : { ...attempted, answers: play(attempted.pruned) };
  });
  if ('ended' in unchanged) {
    const [verdict, reason] = unchanged.ended;
    return ['wrong', `it is pruned, and without the change ${verdict}: ${reason}`];
  }
  let answers: Answers;
  try {
    answers = await play(changed.pruned);
  } catch (error) {
    return ['wrong', `the pruned decoder does not run: ${messageOf(error)}`];
  }
  const expected = await unchanged.answers;
  const found = await otherwise(answers, expected, plan.stages.length, (nudge) =>
    play(unchanged.pruned, nudge),
  );
  return found === undefined ? ['right', ''] : ['wrong', found];
}

const answersOf = (model: OnnxModel, { externalData }: Base, nudge = 0) =>
  playCut(model, withImage, {
    weights: externalData,
    cuts: [],
    kept: [],
    positions: 'renumber',
    nudge,
  });

/**
 * How scores, the tokens that are kept, or answers are others than expected; what comes after a near tie is left aside.
 *
 * @param stages of a prompt
 */
async function otherwise(
  answers: Answers,
  expected: Answers,
  stages: number,
  nudged: (nudge: number) => Promise<Answers>,
): Promise<string | undefined> {
  if (answers.kept.length !== expected.kept.length) {
    return `it tells ${answers.kept.length} times what is left: expected ${expected.kept.length}`;
  }
  const all = [...withImage.imageMask.keys()];
  for (const [stage, kept] of expected.kept.entries()) {
    const scoresOf = ({ scores }: Answers) => [scores[stage] ?? new Float32Array()];
    const other = await difference(
      scoresOf(answers),
      scoresOf(expected),
      async (nudge) => scoresOf(await nudged(nudge)),
      () => `scores of stage ${stage % stages}${stage < stages ? '' : ', asked again,'}`,
    );
    if (other !== undefined) return other;
    const found = answers.kept[stage] ?? [];
    if (`${found}` === `${kept}`) continue;
    const before = stage % stages === 0 ? all : (expected.kept[stage - 1] ?? []);
    const isNear = isNearTie(before, kept, [answers, expected].flatMap(scoresOf));
    return isNear ? undefined : `stage ${stage} keeps ${found}: expected ${kept}`;
  }
  return difference(answers.logits, expected.logits, async (nudge) => (await nudged(nudge)).logits);
}

/** True where the worst token that is kept and the best that is not are no farther apart than rounding takes them. */
function isNearTie(
  before: readonly number[],
  kept: readonly number[],
  [scores, expected]: readonly Float32Array[],
): boolean {
  const images = before.flatMap((place, at) =>
    withImage.imageMask[place]
      ? [{ isKept: kept.includes(place), own: expected?.[at] ?? 0, other: scores?.[at] ?? 0 }]
      : [],
  );
  const rounding = Math.max(...images.map(({ own, other }) => Math.abs(own - other)));
  const of = (wanted: boolean) =>
    images.flatMap(({ isKept, own }) => (isKept === wanted ? own : []));
  return Math.min(...of(true)) - Math.max(...of(false)) <= 2 * rounding;
}
