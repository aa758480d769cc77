/** What comes out of one seed. */
import { clone } from '@bufbuild/protobuf';
import {
  createPlan,
  fitToAttentionLayers,
  ports,
  type SettledPlan,
  TransPruneError,
} from '@transprune/core';
import { decodeModel, encodeModel, type OnnxModel, pruneModel } from '@transprune/onnx';
import { type GraphProto, ModelProtoSchema } from '@transprune/onnx/proto';
import { type Base, baseCount, readBase } from './bases.js';
import { difference } from './compare.js';
import { NoOracle, playCut } from './cut.js';
import { mutate } from './mutations/index.js';
import { textOnly, withImage } from './prompt.js';
import { type Answers, playPruned } from './pruned.js';
import { type Random, randomOf } from './random.js';
import { type Values, valuesOf } from './shapes.js';

/**
 * - `right`: it was pruned, and does what the original does, cut and run by hand
 * - `refused`: with a reason
 * - `no model`: the changed original does not run, or answers otherwise where it should not, so that nothing can be
 *   said of it
 * - `no oracle`: it was pruned, and the original can't be cut there
 * - `wrong`: it was pruned, and does something else, or keeps other tokens
 * - `error`: the surgery ended in an error that is none of its refusals
 */
export type Verdict = 'right' | 'refused' | 'no model' | 'no oracle' | 'wrong' | 'error';

export interface SeedReport {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly base: string;
  readonly changes: readonly string[];
  readonly plan: SettledPlan;
  /** Why it is so. */
  readonly reason: string;
}

interface Known extends Values {
  readonly base: Base;
}

/** What is known, or is made now. */
export function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

const known = new Map<number, Promise<Known>>();

export const knownBase = (index: number): Promise<Known> =>
  once(known, index, async () => {
    const base = readBase(index);
    return { base, ...(await valuesOf(base)) };
  });

/** A changed model and how it is to be pruned. */
export interface Mutant {
  readonly base: Base;
  readonly model: OnnxModel;
  readonly changes: readonly string[];
  readonly plan: SettledPlan;
}

export async function mutantOf(seed: number): Promise<Mutant> {
  const random = randomOf(seed);
  const { base, shapes } = await knownBase(seed % baseCount);
  const model = clone(ModelProtoSchema, base.model);
  const graph = model.graph as GraphProto;
  const changes = mutate({ graph, random, shapes, cuts: new Set(base.streams) });
  return { base, model, changes, plan: planOf(random, base) };
}

/** A decoder as it is, pruned as a seed says, held against itself. */
export async function runUnchanged(index: number, seed: number): Promise<SeedReport> {
  const { base } = await knownBase(index);
  const plan = planOf(randomOf(seed), base);
  const mutant = { base, model: base.model, changes: [], plan };
  return reportOf(seed, mutant, await judge(mutant, () => {}));
}

/**
 * Prunes a seed's model, and holds it against the original.
 *
 * @param onOriginal told when the changed original begins to run and has run, for a runtime may not survive it
 */
export async function runSeed(
  seed: number,
  onOriginal: (runs: boolean) => void = () => {},
): Promise<SeedReport> {
  const mutant = await mutantOf(seed);
  return reportOf(seed, mutant, await judge(mutant, onOriginal));
}

/** A verdict, and why it is so. */
export type Judgement = readonly [verdict: Verdict, reason: string];

export const reportOf = (
  seed: number,
  { base, changes, plan }: Mutant,
  [verdict, reason]: Judgement,
): SeedReport => ({ seed, verdict, base: base.name, changes, plan, reason });

/** A model pruned as it would be read from a file, or what is to be said of it where that fails. */
export function attempt(
  model: OnnxModel,
  plan: SettledPlan,
  prune = pruneModel,
): { readonly pruned: OnnxModel } | { readonly ended: Judgement } {
  try {
    return { pruned: prune(decodeModel(encodeModel(model)), plan, { trace: true }).model };
  } catch (error) {
    const isRefusal = TransPruneError.isInstance(error);
    return {
      ended: isRefusal
        ? ['refused', `${error.code}: ${error.message}`]
        : ['error', `${error instanceof Error ? error.stack : error}`],
    };
  }
}

async function judge(
  { base, model, plan }: Mutant,
  onOriginal: (runs: boolean) => void,
): Promise<Judgement> {
  const attempted = attempt(model, plan);
  if ('ended' in attempted) return attempted.ended;
  const { pruned } = attempted;
  const uncut = {
    weights: base.externalData,
    cuts: [],
    kept: [],
    positions: plan.positions,
    nudge: 0,
  };
  let text: readonly Float32Array[];
  try {
    onOriginal(true);
    await playCut(model, withImage, uncut);
    text = await playCut(model, textOnly, uncut);
  } catch (error) {
    return ['no model', messageOf(error)];
  } finally {
    onOriginal(false);
  }
  let answers: { readonly image: Answers; readonly text: Answers };
  try {
    const bytes = encodeModel(pruned);
    const image = await playPruned(bytes, base.externalData, withImage);
    answers = { image, text: await playPruned(bytes, base.externalData, textOnly) };
  } catch (error) {
    return ['wrong', `the pruned decoder does not run: ${messageOf(error)}`];
  }
  const badly = badSelection(answers.image, plan);
  if (badly !== undefined) return ['wrong', badly];
  const cuts = plan.stages.map(({ afterLayer }) => base.streams[afterLayer - 1] ?? '');
  const cut = { ...uncut, cuts, kept: answers.image.kept };
  try {
    const found =
      (await difference(answers.text.logits, text, (nudge) =>
        playCut(model, textOnly, { ...uncut, nudge }),
      )) ??
      (await difference(answers.image.logits, await playCut(model, withImage, cut), (nudge) =>
        playCut(model, withImage, { ...cut, nudge }),
      ));
    return found === undefined ? ['right', ''] : ['wrong', found];
  } catch (error) {
    if (error instanceof NoOracle) return ['no oracle', error.message];
    throw error;
  }
}

/** What is wrong with the tokens that stay. */
function badSelection({ kept }: Answers, { stages }: SettledPlan): string | undefined {
  const { imageMask } = withImage;
  const text = imageMask.filter((mark) => mark === 0).length;
  const image = imageMask.length - text;
  if (kept.length !== stages.length)
    return `${kept.length} of ${stages.length} stages tell what is left`;
  for (const [at, { keepRatio }] of stages.entries()) {
    const places = kept[at] ?? [];
    const expected = text + Math.max(1, Math.floor(keepRatio * image));
    const textLeft = places.filter((place) => imageMask[place] === 0).length;
    const ascending = places.every((place, i) => i === 0 || place > (places[i - 1] ?? place));
    if (textLeft !== text || places.length !== expected || !ascending) {
      return `stage ${at} leaves ${places}: expected all of the text and ${expected} tokens`;
    }
  }
  return undefined;
}

/** One or two prunes at any depth that may have one; positions that a graph counts itself are counted anew in each piece. */
export function planOf(random: Random, { model, streams, afterPrunes }: Base): SettledPlan {
  const depth = streams.length;
  const first = 1 + random.below(depth);
  const second = first + 1 + random.below(depth);
  const ratio = random.pick([0.75, 0.5, 1]) ?? 1;
  const stages = [{ afterLayer: first, keepRatio: ratio }];
  if (second <= depth && random.below(2) > 0)
    stages.push({ afterLayer: second, keepRatio: ratio / 2 });
  const takesPositions = model.graph?.input.some(({ name }) => name === ports.positionIds);
  const asked = createPlan({ stages, accumulateLayers: [first] });
  const { plan } = fitToAttentionLayers(asked, afterPrunes);
  return { ...plan, positions: takesPositions && random.below(2) > 0 ? 'keep' : 'renumber' };
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : `${error}`);
