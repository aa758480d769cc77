/** Of the largest number, what two runs of one model in float32 may differ by. */
const tolerance = 1e-4;

/** How much more than a change of the input by one in a million two runs may differ. */
const slack = 20;

/**
 * How answers differ from what is expected, in words; undefined if only as rounding does. A changed model may
 * magnify rounding: what a change of the input by one in a million makes of it is allowed for.
 *
 * @param truth what is expected
 * @param nudged the same for an input that differs by so much
 * @param named what an answer is, for messages
 */
export async function difference(
  answers: readonly Float32Array[],
  truth: readonly Float32Array[],
  nudged: (nudge: number) => Promise<readonly Float32Array[]>,
  named = (call: number) => `logits of call ${call}`,
): Promise<string | undefined> {
  const found = farthest(answers, truth);
  if (found.share <= tolerance) return undefined;
  const rounding = farthest(await nudged(1e-6), truth);
  if (found.share <= tolerance + slack * rounding.share) return undefined;
  return `${named(found.call)} differ by ${found.share} of the largest (rounding by ${rounding.share})`;
}

function farthest(answers: readonly Float32Array[], truth: readonly Float32Array[]) {
  const shares = truth.map((expected, call) => shareOf(answers[call], expected));
  const share = Math.max(...shares);
  return { call: shares.indexOf(share), share };
}

/** The largest difference, as a share of the largest number; numbers that are not finite have to be the same. */
function shareOf(answer: Float32Array | undefined, expected: Float32Array): number {
  if (answer?.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let most = 0;
  expected.forEach((value, at) => {
    const other = answer[at] ?? 0;
    if (Object.is(value, other)) return;
    most = Math.max(
      most,
      Number.isFinite(value) ? Math.abs(value - other) : Number.POSITIVE_INFINITY,
    );
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  });
  if (Number.isNaN(most)) return Number.POSITIVE_INFINITY;
  return most === 0 ? 0 : most / Math.max(largest, 1e-30);
}
