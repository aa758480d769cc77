/**
 * Times sessions against one another. Runs are interleaved, and of three sessions each is as often behind
 * each other one: whatever else the machine does, and what a run leaves behind, meets all of them alike.
 * A prefill just behind an unpruned one, for example, is faster than behind another.
 */
import type { Session, SessionTensor } from '@transprune/session';
import { decodeFeeds, type PromptSizes, prefillFeeds } from './prompt.js';

/** Milliseconds of each round, by variant; decoding only for those that can. */
export interface Measurements<Variant extends string> {
  readonly prefill: Readonly<Record<Variant, readonly number[]>>;
  /** Per token. */
  readonly decode: Readonly<Partial<Record<Variant, readonly number[]>>>;
}

export interface MeasureOptions<Variant extends string> {
  readonly sessions: Readonly<Record<Variant, Session>>;
  /** Variants that decode behind their prefill. */
  readonly decoding: readonly NoInfer<Variant>[];
  readonly sizes: PromptSizes;
  readonly runs: number;
  /** Rounds before those that count. */
  readonly warmups: number;
  /** Decode steps of each round. */
  readonly decodeSteps: number;
  readonly onRound?: (round: number) => void;
  readonly signal: AbortSignal;
}

type Outputs = Record<string, SessionTensor>;

export async function measure<Variant extends string>(
  options: MeasureOptions<Variant>,
): Promise<Measurements<Variant>> {
  const { sessions, decoding, sizes, runs, warmups, decodeSteps, signal } = options;
  const variants = Object.keys(sessions) as Variant[];
  const feeds = new Map(variants.map((name) => [name, prefillFeeds(sessions[name], sizes)]));
  const prefill = seriesFor(variants);
  const decode = seriesFor(decoding);
  for (let round = -warmups; round < runs; round++) {
    signal.throwIfAborted();
    options.onRound?.(round);
    const caches = new Map<Variant, Outputs>();
    for (const name of inOrder(variants, round + warmups)) {
      const { outputs, ms } = await timed(sessions[name], feeds.get(name) ?? {});
      if (round >= 0) prefill[name]?.push(ms);
      if (decoding.includes(name)) caches.set(name, outputs);
      else disposeAll(outputs);
    }
    const steps = await decodeInTurns(sessions, caches, sizes, decodeSteps);
    for (const [name, ms] of steps) if (round >= 0) decode[name]?.push(...ms);
  }
  return {
    prefill: prefill as Record<Variant, number[]>,
    decode: decode as Partial<Record<Variant, number[]>>,
  };
}

/** Token by token, one variant after the other. */
async function decodeInTurns<Variant extends string>(
  sessions: Readonly<Record<Variant, Session>>,
  caches: Map<Variant, Outputs>,
  sizes: PromptSizes,
  steps: number,
): Promise<Map<Variant, number[]>> {
  const series = new Map<Variant, number[]>();
  const prompt = sizes.imageTokens + sizes.textTokens;
  for (let step = 0; step < steps; step++) {
    for (const [name, before] of caches) {
      const session = sessions[name];
      const { outputs, ms } = await timed(
        session,
        decodeFeeds(session, sizes, before, prompt + step),
      );
      disposeAll(before);
      caches.set(name, outputs);
      series.set(name, [...(series.get(name) ?? []), ms]);
    }
  }
  for (const outputs of caches.values()) disposeAll(outputs);
  return series;
}

/** The same names in one of their orders: rotated each round, and every other time backwards. */
function inOrder<T>(names: readonly T[], round: number): T[] {
  const start = round % names.length;
  const rotated = [...names.slice(start), ...names.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

async function timed(session: Session, feeds: Parameters<Session['run']>[0]) {
  const start = performance.now();
  const outputs = await session.run(feeds);
  return { outputs, ms: performance.now() - start };
}

function seriesFor<Variant extends string>(names: readonly Variant[]) {
  return Object.fromEntries(names.map((name) => [name, [] as number[]])) as Partial<
    Record<Variant, number[]>
  >;
}

function disposeAll(outputs: Outputs): void {
  for (const tensor of Object.values(outputs)) tensor.dispose();
}
