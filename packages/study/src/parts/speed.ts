/** Part 5: times and memory of the same plans, beside what the FLOPs allow. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeBackend, type NodeDevice, peakMemory } from '@transprune/backend-node';
import { byRound, cacheElementBytes, measure, median, promptFeeds } from '@transprune/bench';
import { decoderConfig } from '@transprune/core';
import type { FullCost } from '@transprune/flops';
import { encodeModel, type OnnxModel, pruneModel } from '@transprune/onnx';
import { openSession, type Session } from '@transprune/session';
import { collect } from '@transprune/vlm';
import { percent, section, table } from '../document/markdown.js';
import type { Study } from '../study.js';
import { costsOf, unpruned } from '../variants/costs.js';

const precisions = ['fp32', 'int4'] as const;
type Precision = (typeof precisions)[number];

const sides = ['unpruned', 'High', 'Low'] as const;
type Side = (typeof sides)[number];

/** Decode steps of a round. */
const decodeSteps = 8;

/** What was measured of one decoder. Milliseconds and bytes. */
interface Measured {
  readonly prefillMs: number;
  /** Median of the rounds' unpruned time over its own. */
  readonly prefillGain: number;
  /** Of a token. */
  readonly stepMs: number;
  readonly stepGain: number;
  readonly cacheBytes: number;
  readonly peakBytes: number;
}

export interface SpeedStudy {
  readonly markdown: string;
  /** Gain of the prefill under High at fp32, and the share of what FLOPs allow. */
  readonly high: { readonly gain: number; readonly share: number; readonly stepGain: number };
}

export async function studySpeed(study: Study): Promise<SpeedStudy> {
  const threads = availableParallelism();
  const { asking, extent } = study;
  asking.onBegin(`times of ${extent.rounds} rounds on ${threads} threads`);
  const visionMs = await visionTime(study);
  const rows: string[][] = [];
  let high = { gain: Number.NaN, share: Number.NaN, stepGain: Number.NaN };
  for (const precision of precisions) {
    const measured = await measurePrecision(study, precision, threads);
    const base = measured.get('unpruned');
    if (!base) continue;
    for (const side of sides) {
      const own = measured.get(side);
      if (!own) continue;
      const allowed = allowedBy(study, side, precision);
      const { prefillGain: gain, stepGain } = own;
      if (precision === 'fp32' && side === 'High') {
        high = { gain, share: gain / allowed.prefill, stepGain };
      }
      const beside = (found: number, possible: number) =>
        side === 'unpruned'
          ? ''
          : `${found.toFixed(2)} x of ${possible.toFixed(2)} x (${percent(found / possible, 0)} %)`;
      rows.push([
        `${precision}, ${side}`,
        own.prefillMs.toFixed(1),
        beside(gain, allowed.prefill),
        own.stepMs.toFixed(2),
        beside(stepGain, allowed.step),
        `${(own.cacheBytes / 1e6).toFixed(2)}`,
        beside(base.cacheBytes / own.cacheBytes, allowed.cache),
        `${(own.peakBytes / 1e6).toFixed(0)}`,
      ]);
    }
  }
  return {
    high,
    markdown: section(
      'Times and memory',
      `Medians of ${extent.rounds} interleaved rounds on ${threads} CPU threads; gains are compared within each round, and on a busy machine they are still worth little (load average ${loadavg()[0]?.toFixed(1)} as it began). Prompts of ${study.costing.imageTokens} image and ${study.costing.textTokens} text tokens, ${decodeSteps} steps a round. *Of* is what the FLOPs, for caches the numbers of keys and values, allow; the share is in brackets. The vision encoder takes ${visionMs.toFixed(1)} ms on one thread under every plan. Peak memory is that of opening the decoder and one prefill. Caches are float32 at both precisions.`,
      table(['', 'prefill, ms', 'gain', 'step, ms', 'gain', 'cache, MB', 'less', 'peak, MB'], rows),
    ),
  };
}

async function visionTime({ asking, questions }: Study): Promise<number> {
  const scenes = new Map(questions.map((question) => [question.scene, question]));
  const engine = await asking.model.open();
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

function planOf({ settings }: Study, side: Side) {
  return settings.find(({ name }) => name === side)?.plan ?? unpruned;
}

async function measurePrecision(
  study: Study,
  precision: Precision,
  threads: number,
): Promise<ReadonlyMap<Side, Measured>> {
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
    const sessions = {} as Record<Side, Session>;
    const peaks = new Map<Side, number>();
    for (const side of sides) {
      const path = join(folder, `${side}.onnx`);
      await writeFile(path, encodeModel(prunedModel(study, original, side)));
      sessions[side] = await openSession(backend, { path });
      opened.push(sessions[side]);
      const feeds = await promptFeeds(sessions[side], sizes);
      const device = sessions[side].device as NodeDevice;
      peaks.set(side, await peakMemory(path, feeds, { device, threads }));
    }
    const rounds = { runs: extent.rounds, warmups: 1, decodeSteps, signal };
    const times = await measure({ sessions, decoding: [...sides], sizes, ...rounds });
    const cacheBytes = await cacheSizes(study, folder);
    return new Map(
      sides.map((side) => [
        side,
        {
          prefillMs: median(times.prefill[side]),
          prefillGain: median(gainByRound(times.prefill, side)),
          stepMs: median(times.decode[side] ?? []),
          stepGain: median(gainByRound(times.decode, side)),
          cacheBytes: cacheBytes.get(side) ?? Number.NaN,
          peakBytes: peaks.get(side) ?? Number.NaN,
        },
      ]),
    );
  } finally {
    for (const session of opened) await session.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rounds are compared within themselves, for they share the machine's mood. */
function gainByRound(times: Readonly<Partial<Record<Side, readonly number[]>>>, side: Side) {
  const [before = [], after = []] = [times.unpruned, times[side]];
  return byRound((b = 0, a = 0) => b / a, before, after);
}

function prunedModel(study: Study, original: OnnxModel, side: Side): OnnxModel {
  const plan = planOf(study, side);
  return plan.stages.length === 0 ? original : pruneModel(original, plan).model;
}

/** Bytes of keys and values after a prompt. */
async function cacheSizes({ asking, questions }: Study, folder: string) {
  const [question] = questions;
  const sizes = new Map<Side, number>();
  for (const side of sides) {
    await asking.lanes.lend(async (engine) => {
      const own = await engine.withDecoder({ path: join(folder, `${side}.onnx`) });
      const request = {
        question: question?.text ?? '',
        images: question ? [question.picture] : [],
      };
      const { cache } = await collect(own.generate({ ...request, maxNewTokens: 1 }));
      await own.dispose();
      sizes.set(side, cache.afterPrefill.bytes);
    });
  }
  return sizes;
}

/** Gains that the counts allow. */
function allowedBy(study: Study, side: Side, precision: Precision) {
  const { model, imageTokens, textTokens } = study.costing;
  const bytesPerElement = cacheElementBytes[precision];
  const tokens = { imageTokens, textTokens, decodeTokens: decodeSteps, bytesPerElement };
  const { plan, baseline, flopsBoundSpeedup }: FullCost = costsOf(
    { model, ...tokens },
    { plan: planOf(study, side) },
  );
  return {
    prefill: flopsBoundSpeedup,
    step: baseline.decode.total / plan.decode.total,
    cache: baseline.kvCacheBytes.afterPrefill / plan.kvCacheBytes.afterPrefill,
  };
}
