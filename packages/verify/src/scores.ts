/** What a graph keeps is what the reference keeps. */
import { type Decoder, pruneModel, type StageTaps } from '@transprune/onnx';
import { worst } from './compare.js';
import type { Verification } from './context.js';
import type { Answer } from './play.js';
import {
  type CallParts,
  otherParts,
  promptParts,
  type RowCall,
  tokenParts,
  turnParts,
} from './prompt.js';
import {
  check,
  type Measured,
  notApplicable,
  type Outcome,
  outcomeOf,
  type VerifyCheck,
} from './report.js';
import { compareScores, type ScoreComparison, scoredOutputs } from './score.js';
import { alone } from './workbench.js';

/** Prompts that are tried for one whose scores leave no doubt what is kept. */
const mostPrompts = { quick: 3, thorough: 12 };
/** Scores this far apart, relative to the largest, are ranked alike by all graphs. */
const clearGap = 5e-3;

/** A conversation on the graph with taps. */
export interface ScoredConversation {
  readonly calls: readonly RowCall[];
  readonly answers: readonly Answer[];
  readonly comparisons: readonly ScoreComparison[];
}

export interface Scored {
  readonly checks: readonly VerifyCheck[];
  /** A prompt, two tokens, a second turn with an image. */
  readonly conversation: Outcome<ScoredConversation>;
  /** Another prompt, and two tokens. */
  readonly other: Outcome<ScoredConversation>;
}

export async function checkScores(verification: Verification): Promise<Scored> {
  const { original, plan, options, tolerance, bench, unpruned, quick } = verification;
  const { model, report } = pruneModel(original, plan, { ...options, trace: true, taps: true });
  const source = await verification.place(model);
  const follow = (...layouts: CallParts[]) => (unpruned.hasCache ? layouts : []);
  const turn = quick ? [tokenParts] : [tokenParts, tokenParts, turnParts];
  const first = [promptParts, ...follow(...turn)];
  const most = quick ? mostPrompts.quick : mostPrompts.thorough;
  const second = [otherParts, ...follow(tokenParts, tokenParts)];
  const fetch = scoredOutputs(report.taps);
  const isBatch = options.batch === true && !quick;
  const found = await outcomeOf(() =>
    bench.open(source, async (session) => {
      const run = (layouts: readonly CallParts[]) =>
        outcomeOf(() =>
          clearest(most, async (seed) => {
            const calls = unpruned.make(layouts, seed, 'grids');
            const answers = await bench.play(session, alone(calls), verification.ratios, { fetch });
            return compared(verification, report.taps, calls, answers);
          }),
        );
      const noBatch = { failure: 'there is no batch' };
      return { conversation: await run(first), other: isBatch ? await run(second) : noBatch };
    }),
  );
  const { conversation, other } =
    'value' in found ? found.value : { conversation: found, other: found };
  const of = (name: 'score' | 'kept' | 'rows') => (value: ScoredConversation) => ({
    difference: worst(value.comparisons.map((comparison) => comparison[name])),
  });
  const isNumeric =
    !('value' in conversation) ||
    conversation.value.comparisons.every((comparison) => comparison.isNumeric);
  const rows = check('the instruction and what it may see', 0, conversation, of('rows'));
  return {
    conversation,
    other,
    checks: isNumeric
      ? [
          check('scores', tolerance.score, conversation, of('score')),
          check('kept tokens', tolerance.score, conversation, of('kept')),
          rows,
        ]
      : [
          notApplicable('scores', tolerance.score, "the decoder's own numbers overflow"),
          check('kept tokens', tolerance.score, conversation, countsAlone),
          rows,
        ],
  };
}

/** Where scores are no numbers, any choice of the right tokens of each kind is as good as another. */
function countsAlone({ comparisons }: ScoredConversation): Measured {
  const isCounted = comparisons.every((comparison) => comparison.isCounted);
  return { difference: isCounted ? 0 : null, note: 'scores are no numbers: text and counts alone' };
}

/** The conversation whose closest decision is clear, or the clearest of several. */
async function clearest(
  most: number,
  play: (seed: number) => Promise<ScoredConversation>,
): Promise<ScoredConversation> {
  const gapOf = ({ comparisons }: ScoredConversation) =>
    Math.min(...comparisons.map(({ gap }) => gap));
  let best = await play(1);
  for (let seed = 2; seed <= most && !(gapOf(best) >= clearGap); seed++) {
    const next = await play(seed);
    if (gapOf(next) > gapOf(best)) best = next;
  }
  return best;
}

/** Compares the calls that have an image; the others prune nothing. */
function compared(
  { plan, options, decoder }: Verification,
  taps: readonly StageTaps[],
  calls: readonly RowCall[],
  answers: readonly Answer[],
): ScoredConversation {
  const comparisons = calls.flatMap((call, at) => {
    const answer = answers[at];
    if (!answer || call.spans.every((span) => span === 0)) return [];
    const pastLengths = lengthsByLayer(decoder, answers[at - 1]?.cacheLengths ?? []);
    const instructionMask = options.instructionMask === true;
    return compareScores({ plan, taps, call, answer, instructionMask, pastLengths });
  });
  return { calls, answers, comparisons };
}

/** Cache lengths of layers that have a cache, by the layers of the decoder; 0 for the others. */
function lengthsByLayer({ layers }: Decoder, lengths: readonly number[]): number[] {
  let cached = 0;
  return layers.map(({ cache }) => (cache ? (lengths[cached++] ?? 0) : 0));
}
