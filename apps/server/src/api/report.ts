/** What replies say about themselves: what was kept, and how long it took. */
import { methodNameOf } from '@transprune/core';
import type { z } from 'zod';
import type { AnswerEnd } from './answer.js';
import type { pruningReport, timings as timingsSchema } from './schemas/common.js';

/** The `pruning` object of a reply. */
export function pruningOf(end: AnswerEnd): z.infer<typeof pruningReport> {
  const { pruning, usage, stages, visionCached } = end;
  const { plan, preset, trace } = pruning;
  return {
    method: methodNameOf(plan),
    preset,
    stages: plan.stages.map(({ afterLayer, keepRatio }) => ({
      after_layer: afterLayer,
      keep_ratio: keepRatio,
    })),
    image_tokens: { in: usage.imageTokens, kept: [...usage.keptImageTokens] },
    vision_cached: visionCached,
    ...(trace && {
      trace: stages.map(({ stage, keptImageTokens }) => ({
        stage,
        kept_image_tokens: [...keptImageTokens],
      })),
    }),
  };
}

/** The `metrics` object of a reply. */
export function metricsOf({ timings, usage }: AnswerEnd): z.infer<typeof timingsSchema> {
  const { timeToFirstTokenMs, totalMs, queueMs, visionMs, prefillMs } = timings;
  const generation = totalMs - timeToFirstTokenMs;
  const later = usage.completionTokens - 1;
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return {
    time_to_first_token_ms: round(timeToFirstTokenMs),
    generation_time_ms: round(generation),
    queue_time_ms: round(queueMs),
    mean_itl_ms: later > 0 ? round(generation / later) : 0,
    tokens_per_second: round(timings.decodeTokensPerSecond),
    vision_time_ms: round(visionMs),
    prefill_time_ms: round(prefillMs),
  };
}
