/** The decoder as it was written: what it answers, how it goes on decoding, and batches. */
import { indicesAmong, keptOutput } from '@transprune/core';
import { type PruneOptions, pruneModel } from '@transprune/onnx';
import type { ModelSource } from '@transprune/session';
import { lastLogits, relativeDifference, worst } from './compare.js';
import type { Verification } from './context.js';
import type { Answer } from './play.js';
import { inOne, type RowCall, withoutImages } from './prompt.js';
import {
  check,
  compareCalls,
  compareTogether,
  type Measured,
  notApplicable,
  type Outcome,
  outcomeOf,
  type VerifyCheck,
} from './report.js';
import { checkRoom } from './room.js';
import type { Scored, ScoredConversation } from './scores.js';
import { alone } from './workbench.js';

/** Beyond it a row's scores in a batch are not what they are alone. */
const mostSpread = 1e-2;

/** @param scored undefined for a plan that prunes nothing */
export async function checkWritten(
  verification: Verification,
  pruned: ModelSource,
  scored: Scored | undefined,
): Promise<VerifyCheck[]> {
  const { tolerance, bench, ratios, unpruned, options } = verification;
  const { whole, answers } = unpruned;
  const conversation = scored && 'value' in scored.conversation && scored.conversation.value;
  const other = scored && 'value' in scored.other && scored.other.value;
  const found = await outcomeOf(() =>
    bench.open(pruned, async (session) => {
      const play = (calls: readonly (readonly RowCall[])[]) =>
        outcomeOf(() => bench.play(session, calls, ratios));
      const rows = conversation && other ? inRows(conversation.calls, other.calls) : [];
      return {
        text: await play(alone(withoutImages(whole))),
        conversation: await play(alone(conversation ? conversation.calls : [])),
        other: await play(alone(other ? other.calls : [])),
        batch: await play(rows),
        joined: await outcomeOf(() =>
          conversation && other
            ? bench.playJoined(session, [conversation.calls, other.calls], ratios)
            : Promise.resolve([]),
        ),
        room: conversation ? await checkRoom(verification, session, conversation.calls) : [],
      };
    }),
  );
  const part = (name: 'text' | 'conversation' | 'other' | 'batch') =>
    'value' in found ? found.value[name] : found;
  const joined = 'value' in found ? found.value.joined : found;
  const checks = [
    check('a prompt without image', tolerance.logits, part('text'), (value) =>
      compareCalls(value, answers),
    ),
  ];
  if (!conversation) return checks;
  checks.push(
    check(
      'the written decoder is the one checked',
      tolerance.logits,
      part('conversation'),
      (value) => compareCalls(value, conversation.answers),
    ),
  );
  if ('value' in found) checks.push(...found.value.room);
  if (verification.quick) return checks;
  checks.push(await checkFresh(verification, conversation, part('conversation')));
  if (!options.batch || !other) return checks;
  const rows = 'rows of a batch';
  const joining = 'rows that join while decoding';
  if (unpruned.spread > mostSpread) {
    const reason = `the original's own logits differ by ${unpruned.spread.toPrecision(2)} from call to call, as tensors are quantized as a whole; rows would change each other's choice`;
    checks.push(
      notApplicable(rows, tolerance.otherCalls, reason),
      notApplicable(joining, tolerance.otherCalls, reason),
    );
    return checks;
  }
  const alones = [part('conversation'), part('other')];
  const failed = alones.find((outcome) => 'failure' in outcome);
  checks.push(
    check(rows, tolerance.otherCalls, failed ?? part('batch'), (value) =>
      compareRows(
        value,
        alones.map((outcome) => ('value' in outcome ? outcome.value : [])),
      ),
    ),
    check(joining, tolerance.otherCalls, failed ?? joined, (value) =>
      compareRows(
        value.map((logits) => ({ logits })),
        alones.map((outcome) => ('value' in outcome ? outcome.value.slice(1) : [])),
      ),
    ),
  );
  return checks;
}

/** Two conversations side by side, as far as both go. */
function inRows(first: readonly RowCall[], second: readonly RowCall[]): RowCall[][] {
  return second.flatMap((call, at) => {
    const beside = first[at];
    return beside ? [[beside, call]] : [];
  });
}

/** Each row's last logits, together and alone. */
function compareRows(
  together: readonly Pick<Answer, 'logits'>[],
  alones: readonly (readonly Answer[])[],
): Measured {
  const differences = together.flatMap(({ logits }, at) =>
    alones.map((own, row) => {
      const expected = own[at];
      return relativeDifference(
        lastLogits(logits, row),
        expected ? lastLogits(expected.logits) : [],
      );
    }),
  );
  return { difference: worst(differences) };
}

/** The whole conversation as one prompt, on a graph that is told what each stage keeps. */
async function checkFresh(
  verification: Verification,
  { calls, answers }: ScoredConversation,
  written: Outcome<readonly Answer[]>,
): Promise<VerifyCheck> {
  const name = 'decoding is a fresh prompt of the kept tokens';
  const { original, plan, tolerance, bench, ratios, unpruned } = verification;
  if (!unpruned.hasCache) {
    return notApplicable(name, tolerance.otherCalls, 'the decoder takes no cache');
  }
  const fresh = await outcomeOf(async () => {
    const constantIndices = keptIndices(plan.stages.length, calls, answers);
    const { model } = pruneModel(original, plan, { constantIndices });
    const source = await verification.place(model);
    return bench.open(source, (session) => bench.play(session, [[inOne(calls)]], ratios));
  });
  const both: Outcome<{ fresh: readonly Answer[]; written: readonly Answer[] }> =
    'failure' in fresh
      ? fresh
      : 'failure' in written
        ? written
        : { value: { fresh: fresh.value, written: written.value } };
  return check(name, tolerance.otherCalls, both, ({ fresh: [together], written: calls }) =>
    together ? compareTogether(calls, together) : { difference: null },
  );
}

/** For each stage, what it keeps of all calls' tokens, as indices among those before it. */
function keptIndices(
  stages: number,
  calls: readonly RowCall[],
  answers: readonly Answer[],
): NonNullable<PruneOptions['constantIndices']> {
  const starts = calls.map((_, at) =>
    calls.slice(0, at).reduce((sum, { spans }) => sum + spans.length, 0),
  );
  let before = calls.flatMap(({ spans }, at) => spans.map((_, place) => (starts[at] ?? 0) + place));
  return Array.from({ length: stages }, (_, stage) => {
    const kept = answers.flatMap(({ outputs }, at) =>
      [...(outputs[keptOutput(stage)]?.data ?? [])]
        .filter((place) => place >= 0)
        .map((place) => (starts[at] ?? 0) + place),
    );
    const indices = indicesAmong(before, kept);
    before = kept;
    return indices;
  });
}
