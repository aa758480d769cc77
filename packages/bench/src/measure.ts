/**
 * Times sessions against one another. Runs are interleaved, and of three sessions each follows each other one
 * as often, so that other load, and what a run leaves in the processor's caches, affect all three alike. A
 * prefill just after an unpruned one, for example, is faster than after another.
 */
import { type DecoderAnswer, DecoderSession, type Session } from '@transprune/session';
import { type PromptSizes, promptCall, tokenCall } from './prompt.js';

/** Milliseconds of each round, by variant; decoding only for those that can. */
export interface Measurements<Variant extends string> {
  readonly prefill: Readonly<Record<Variant, readonly number[]>>;
  /** Per token. */
  readonly decode: Readonly<Partial<Record<Variant, readonly number[]>>>;
}

export interface MeasureOptions<Variant extends string> {
  readonly sessions: Readonly<Record<Variant, Session>>;
  /** Variants that decode after their prefill. */
  readonly decoding: readonly NoInfer<Variant>[];
  readonly sizes: PromptSizes;
  readonly runs: number;
  /** Rounds before those that count. */
  readonly warmups: number;
  /** Decode steps of each round. */
  readonly decodeSteps: number;
  /** Told before each round, warm-ups included. */
  readonly onRound?: (done: number) => void;
  readonly signal: AbortSignal;
}

export async function measure<Variant extends string>(
  options: MeasureOptions<Variant>,
): Promise<Measurements<Variant>> {
  const { sessions, decoding, sizes, runs, warmups, decodeSteps, signal } = options;
  const variants = Object.keys(sessions) as Variant[];
  const prompt = promptCall(sizes);
  const prefill = seriesFor(variants);
  const decode = seriesFor(decoding);
  for (let round = 0; round < warmups + runs; round++) {
    signal.throwIfAborted();
    options.onRound?.(round);
    const counts = round >= warmups;
    const decoders = new Map<Variant, DecoderSession>();
    for (const name of inOrder(variants, round)) {
      const decoder = new DecoderSession(sessions[name], { cacheSizes: sizes });
      const ms = await timed(() => decoder.prefill(prompt));
      if (counts) prefill[name]?.push(ms);
      if (decoding.includes(name)) decoders.set(name, decoder);
      else decoder.dispose();
    }
    for (let step = 0; step < decodeSteps; step++) {
      const call = tokenCall(sizes, step);
      for (const name of inOrder(decoding, round + step)) {
        const decoder = decoders.get(name);
        if (!decoder) continue;
        const ms = await timed(() => decoder.step(call));
        if (counts) decode[name]?.push(ms);
      }
    }
    for (const decoder of decoders.values()) decoder.dispose();
  }
  return {
    prefill: prefill as Record<Variant, number[]>,
    decode: decode as Partial<Record<Variant, number[]>>,
  };
}

/** The same names in one of their orders: rotated each round, and every other time backwards. */
function inOrder<T>(names: readonly T[], round: number): T[] {
  const start = round % names.length;
  const rotated = [...names.slice(start), ...names.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

async function timed(run: () => Promise<DecoderAnswer>): Promise<number> {
  const start = performance.now();
  const { logits } = await run();
  const ms = performance.now() - start;
  logits.dispose();
  return ms;
}

function seriesFor<Variant extends string>(names: readonly Variant[]) {
  return Object.fromEntries(names.map((name) => [name, [] as number[]])) as Partial<
    Record<Variant, number[]>
  >;
}
