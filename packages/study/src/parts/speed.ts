/** Part 5: times and memory of the same plans, beside what the FLOPs allow. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeBackend, type NodeDevice, peakMemory } from '@transprune/backend-node';
import { byRound, cacheElementBytes, measure, median, promptFeeds } from '@transprune/bench';
import { decoderConfig, type PrunePlan } from '@transprune/core';
import { type Estimate, medianOf } from '@transprune/eval';
import type { FullCost } from '@transprune/flops';
import { encodeModel, type OnnxModel, pruneModel } from '@transprune/onnx';
import { openSession, type Session } from '@transprune/session';
import { collect } from '@transprune/vlm';
import { percent, section, table } from '../document/markdown.js';
import type { Study } from '../study.js';
import { costsOf, unpruned } from '../variants/costs.js';
import type { Accuracies } from './accuracy.js';

const precisions = ['fp32', 'int4'] as const;
type Precision = (typeof precisions)[number];

/** What is timed, by name; the unpruned first. */
type Sides = ReadonlyMap<string, PrunePlan>;

const unprunedSide = 'unpruned';

/** Baselines that are timed beside TransPrune: what their scores cost less, and whether they gain more. */
const timed: readonly string[] = ['fastv', 'random'];

function sidesOf({ settings: [high, low] }: Study, { main }: Accuracies): Sides {
  if (!high || !low) throw new Error('expected two settings');
  const others = main.get(high)?.filter(({ family }) => timed.includes(family)) ?? [];
  return new Map([
    [unprunedSide, unpruned],
    ['High', high.plan],
    ['Low', low.plan],
    ...others.map(({ name, variant }) => [name, variant.plan] as const),
  ]);
}

/** Decode steps of a round. */
const decodeSteps = 8;

/** What was measured of one decoder. Milliseconds and bytes. */
interface Measured {
  readonly prefillMs: number;
  /** Median of the rounds' unpruned time over its own. */
  readonly prefillGain: Estimate;
  /** Of a token. */
  readonly stepMs: number;
  readonly stepGain: Estimate;
  readonly cacheBytes: number;
  readonly peakBytes: number;
}

export interface SpeedStudy {
  readonly markdown: string;
  /** Gain of the prefill under High at fp32, and the share of what FLOPs allow. */
  readonly high: { readonly gain: number; readonly share: number; readonly stepGain: number };
}

export async function studySpeed(study: Study, accuracies: Accuracies): Promise<SpeedStudy> {
  const threads = availableParallelism();
  const { asking, extent } = study;
  const load = loadavg()[0]?.toFixed(1);
  const sides = sidesOf(study, accuracies);
  asking.onBegin(`times of ${extent.rounds} rounds on ${threads} threads`);
  const visionMs = await visionTime(study, threads);
  const timeRows: string[][] = [];
  const memoryRows: string[][] = [];
  let high = { gain: Number.NaN, share: Number.NaN, stepGain: Number.NaN };
  for (const precision of precisions) {
    const { weightBytes, measured } = await measurePrecision(study, sides, precision, threads);
    const base = measured.get(unprunedSide);
    if (!base) continue;
    for (const [side, plan] of sides) {
      const own = measured.get(side);
      if (!own) continue;
      const allowed = allowedBy(study, plan, precision);
      const { prefillGain: gain, stepGain } = own;
      if (precision === 'fp32' && side === 'High') {
        high = { gain: gain.value, share: gain.value / allowed.prefill, stepGain: stepGain.value };
      }
      const beside = (found: Estimate | number, possible: number) => {
        if (side === unprunedSide) return '';
        const interval =
          typeof found === 'number' ? '' : ` [${found.low.toFixed(2)}, ${found.high.toFixed(2)}]`;
        const value = typeof found === 'number' ? found : found.value;
        return `${value.toFixed(2)} x${interval} of ${possible.toFixed(2)} x (${percent(value / possible, 0)} %)`;
      };
      const firstMs = visionMs + own.prefillMs;
      const baseMs = visionMs + base.prefillMs;
      timeRows.push([
        `${precision}, ${side}`,
        `${visionMs.toFixed(1)} (${percent(visionMs / firstMs, 0)} %)`,
        own.prefillMs.toFixed(1),
        beside(gain, allowed.prefill),
        firstMs.toFixed(1),
        beside(baseMs / firstMs, baseMs / (visionMs + base.prefillMs / allowed.prefill)),
        own.stepMs.toFixed(2),
        beside(stepGain, allowed.step),
      ]);
      // What is not weights, were it to shrink as the caches do.
      const rest = Math.max(0, base.peakBytes - weightBytes);
      const leastPeak = base.peakBytes - rest + rest / allowed.cache;
      memoryRows.push([
        `${precision}, ${side}`,
        `${(own.cacheBytes / 1e6).toFixed(2)}`,
        beside(base.cacheBytes / own.cacheBytes, allowed.cache),
        `${(own.peakBytes / 1e6).toFixed(0)}`,
        beside(base.peakBytes / own.peakBytes, base.peakBytes / leastPeak),
      ]);
    }
  }
  const times = [
    'vision, ms',
    'prefill, ms',
    'gain',
    'first token, ms',
    'gain',
    'step, ms',
    'gain',
  ];
  return {
    high,
    markdown: section(
      'Times and memory',
      `Medians of ${extent.rounds} interleaved rounds on ${threads} CPU threads; gains are compared within each round, so that their median is not the quotient of the medians; the load average was ${load} as it began (that of the questions before included), and on a busy machine times are worth little. *fastv* and *random* cost what High costs. Prompts of ${study.costing.imageTokens} image and ${study.costing.textTokens} text tokens, ${decodeSteps} steps a round. *Of* is what the FLOPs allow; the share of it is in brackets.`,
      'Prefill and steps are of the same rounds. The vision encoder was timed before them, on as many threads, and is float32 at both precisions; it sees the whole picture under every plan, so pruning allows it no gain: in brackets stands its share of the time to the first token. That time is the sum of the two medians, and of what is allowed there only the prefill shrinks.',
      table(['', ...times], timeRows),
      'Caches were read off the same decoders after a prompt, outside the rounds; *of* is what the numbers of tokens kept allow, and they are float32 at both precisions. Peak memory is that of a process of its own that opens the decoder and runs one prefill; *of* is what there would be if all but the weights shrank as the caches do. It does not in full: layers before the first prune still see every token.',
      table(['', 'cache, MB', 'less', 'peak, MB', 'less'], memoryRows),
    ),
  };
}

async function visionTime({ asking, questions }: Study, threads: number): Promise<number> {
  const scenes = new Map(questions.map((question) => [question.scene, question]));
  const engine = await asking.model.open({ threads });
  const times: number[] = [];
  try {
    for (const { text, picture } of [...scenes.values()].slice(0, 8)) {
      const request = { question: text, images: [picture], maxNewTokens: 1 };
      times.push((await collect(engine.generate(request))).timings.visionMs);
    }
  } finally {
    await engine.dispose();
  }
  return median(times);
}

async function measurePrecision(
  study: Study,
  sides: Sides,
  precision: Precision,
  threads: number,
): Promise<{ readonly weightBytes: number; readonly measured: ReadonlyMap<string, Measured> }> {
  const { asking, costing, extent } = study;
  const { model, signal } = asking;
  const config = decoderConfig(model.config);
  const { imageTokens, textTokens } = costing;
  const sizes = { ...config, imageTokens, textTokens };
  const original = precision === 'fp32' ? model.original : model.build({ precision: 'int4' });
  const backend = createNodeBackend({ threads });
  const folder = await mkdtemp(join(tmpdir(), 'transprune-study-'));
  const opened: Session[] = [];
  try {
    const sessions: Record<string, Session> = {};
    const peaks = new Map<string, number>();
    for (const [side, plan] of sides) {
      const path = join(folder, `${side}.onnx`);
      await writeFile(path, encodeModel(prunedModel(original, plan)));
      const session = await openSession(backend, { path });
      sessions[side] = session;
      opened.push(session);
      const feeds = await promptFeeds(session, sizes);
      const device = session.device as NodeDevice;
      peaks.set(side, await peakMemory(path, feeds, { device, threads }));
    }
    const rounds = { runs: extent.rounds, warmups: 1, decodeSteps, signal };
    const times = await measure({ sessions, decoding: [...sides.keys()], sizes, ...rounds });
    const cacheBytes = await cacheSizes(study, sides, folder);
    const measured = new Map(
      [...sides.keys()].map((side) => [
        side,
        {
          prefillMs: median(times.prefill[side] ?? []),
          prefillGain: medianOf(gainByRound(times.prefill, side)),
          stepMs: median(times.decode[side] ?? []),
          stepGain: medianOf(gainByRound(times.decode, side)),
          cacheBytes: cacheBytes.get(side) ?? Number.NaN,
          peakBytes: peaks.get(side) ?? Number.NaN,
        },
      ]),
    );
    return { weightBytes: encodeModel(original).byteLength, measured };
  } finally {
    for (const session of opened) await session.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rounds are compared within themselves, for they share the machine's mood. */
function gainByRound(times: Readonly<Record<string, readonly number[] | undefined>>, side: string) {
  const [before = [], after = []] = [times[unprunedSide], times[side]];
  return byRound((b = 0, a = 0) => b / a, before, after);
}

function prunedModel(original: OnnxModel, plan: PrunePlan): OnnxModel {
  return plan.stages.length === 0 ? original : pruneModel(original, plan).model;
}

/** Bytes of keys and values after a prompt. */
async function cacheSizes({ asking, questions }: Study, sides: Sides, folder: string) {
  const [question] = questions;
  const sizes = new Map<string, number>();
  for (const side of sides.keys()) {
    const own = await asking.lane.engine.withDecoder({ path: join(folder, `${side}.onnx`) });
    const request = {
      question: question?.text ?? '',
      images: question ? [question.picture] : [],
    };
    const { cache } = await collect(own.generate({ ...request, maxNewTokens: 1 }));
    await own.dispose();
    sizes.set(side, cache.afterPrefill.bytes);
  }
  return sizes;
}

/** Gains that the counts allow. */
function allowedBy(study: Study, plan: PrunePlan, precision: Precision) {
  const { model, imageTokens, textTokens } = study.costing;
  const bytesPerElement = cacheElementBytes[precision];
  const tokens = { imageTokens, textTokens, decodeTokens: decodeSteps, bytesPerElement };
  const cost: FullCost = costsOf({ model, ...tokens }, { plan });
  return {
    prefill: cost.flopsBoundSpeedup,
    step: cost.baseline.decode.total / cost.plan.decode.total,
    cache: cost.baseline.kvCacheBytes.afterPrefill / cost.plan.kvCacheBytes.afterPrefill,
  };
}
