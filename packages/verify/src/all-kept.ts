/** A graph that keeps everything is the original; what its score looks at is its own attention. */
import { methodNameOf, ndarray } from '@transprune/core';
import { pruneModel, type StageTaps } from '@transprune/onnx';
import { worst } from './compare.js';
import type { Verification } from './context.js';
import type { Answer } from './play.js';
import type { RowCall } from './prompt.js';
import {
  check,
  compareCalls,
  type Measured,
  notApplicable,
  type Outcome,
  outcomeOf,
  type VerifyCheck,
} from './report.js';
import { compareAttention } from './score.js';
import { alone } from './workbench.js';

export async function checkAllKept(verification: Verification): Promise<VerifyCheck[]> {
  const { original, decoder, plan, options, tolerance, bench, ratios, unpruned } = verification;
  const { whole, answers, chunks, chunkAnswers, hasCache } = unpruned;
  const ones = ratios.map(() => 1);
  const stages = plan.stages.map((stage) => ({ ...stage, keepRatio: 1 }));
  const byRatios = { ...plan, keepMass: undefined, keepFloor: undefined };
  const all = options.runtimeRatios ? byRatios : { ...byRatios, stages };
  const { model, report } = pruneModel(original, all, { ...options, trace: false, taps: true });
  const source = await verification.place(model);
  const fetch = attentionOutputs(verification, report);
  const found = await outcomeOf<AllKept>(() =>
    bench.open(source, async (session) => ({
      whole: await bench.play(session, alone(whole), ones, { fetch }),
      chunks: await outcomeOf(async () =>
        'value' in chunkAnswers ? bench.play(session, alone(chunks), ones, { fetch }) : [],
      ),
    })),
  );
  const note =
    decoder.positions === 'keep' && plan.positions === 'renumber'
      ? 'images numbered like text; renumbering the three rows of an image is another model even where nothing is dropped'
      : undefined;
  const noted = (measured: Measured): Measured => ({ ...(note && { note }), ...measured });
  const { logits } = tolerance;
  const decoding = 'all kept: decoding';
  const inTwoCalls = 'all kept: the prompt in two calls';
  return [
    check('all kept: the prompt', logits, found, ({ whole: [first] }) =>
      noted(compareCalls(first ? [first] : [], answers.slice(0, 1))),
    ),
    hasCache
      ? check(decoding, logits, found, (value) => noted(compareCalls(value.whole, answers)))
      : notApplicable(decoding, logits, 'the decoder takes no cache'),
    'failure' in chunkAnswers
      ? notApplicable(inTwoCalls, logits, `the original does not run it: ${chunkAnswers.failure}`)
      : check(inTwoCalls, logits, 'value' in found ? found.value.chunks : found, (value) =>
          noted(compareCalls(value, chunkAnswers.value)),
        ),
    checkAttention(verification, report, found),
  ];
}

interface AllKept {
  readonly whole: readonly Answer[];
  readonly chunks: Outcome<readonly Answer[]>;
}

interface Tapped {
  readonly taps: readonly StageTaps[];
}

/** For each stage that looks at attention: its taps, and that of the next layer. */
function attentionOf({ plan, decoder }: Verification, { taps }: Tapped) {
  return taps.flatMap(({ instructionAttention }, stage) => {
    const layer = decoder.layers[plan.stages[stage]?.afterLayer ?? 0];
    const { attention, cache } = layer ?? {};
    if (!instructionAttention || !attention || !cache) return [];
    return { taps: instructionAttention, reading: attention.reading, cache };
  });
}

function attentionOutputs(verification: Verification, report: Tapped): string[] {
  return attentionOf(verification, report).flatMap(({ taps, cache }) => [
    ...[taps.logits, taps.bias, taps.attended],
    taps.values ?? cache.presentValue,
  ]);
}

function checkAttention(
  verification: Verification,
  report: Tapped,
  found: Outcome<AllKept>,
): VerifyCheck {
  const name = "the score's attention is the layer's";
  const { plan, tolerance, unpruned } = verification;
  const looking = attentionOf(verification, report);
  const open = looking.filter(({ reading }) => reading.window === undefined);
  if (looking.length === 0) {
    return notApplicable(name, tolerance.attention, `${methodNameOf(plan)} asks for no attention`);
  }
  if (open.length === 0) {
    const reason = 'the layers after prunes have windows; the score looks past them';
    return notApplicable(name, tolerance.attention, reason);
  }
  return check(name, tolerance.attention, found, ({ whole, chunks }) => {
    const withImage = (calls: readonly RowCall[], answers: readonly Answer[]) =>
      answers.filter((_, at) => calls[at]?.spans.some((span) => span !== 0));
    // The second part of the prompt asks on top of a cache.
    const answers = [
      ...withImage(unpruned.whole, whole),
      ...withImage(unpruned.chunks, 'value' in chunks ? chunks.value : []),
    ];
    const differences = answers.flatMap(({ outputs }) =>
      open.map(({ taps, reading, cache }) => {
        const read = (output: string) => outputs[output] ?? ndarray([], [0]);
        const values = read(taps.values ?? cache.presentValue);
        return compareAttention(taps, read, values, reading.shape.heads);
      }),
    );
    return { difference: worst(differences) };
  });
}
