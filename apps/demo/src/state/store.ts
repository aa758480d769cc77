/** What the page shows. Everything here is read by views and set by actions. */
import { computed, signal } from '@preact/signals';
import type { TraceStage } from '@transprune/trace';
import { example } from '../prepared/traces.js';
import type { Shown } from '../trace/shown.js';
import type { DeviceChoice, LoadProgress, ModelFacts, Side } from '../worker/protocol.js';
import type { Picture } from './picture.js';
import { imageSize, patchCount } from './samples.js';

export const views = ['look', 'explain', 'model', 'bench'] as const;
export type View = (typeof views)[number];
export const view = signal<View>('look');

export type ModelState =
  | { readonly phase: 'none' }
  | { readonly phase: 'loading'; readonly progress: LoadProgress | undefined }
  | { readonly phase: 'ready'; readonly facts: ModelFacts }
  | { readonly phase: 'failed'; readonly reason: string };
export const model = signal<ModelState>({ phase: 'none' });
export const device = signal<DeviceChoice>('auto');

export const picture = signal<Picture | undefined>(undefined);
export const question = signal<string>(example.question);
/** Side of the picture that the unpruned model gets, in pixels. */
export const pictureSize = signal(imageSize);

/** What is being done for an answer. */
export type RunPhase = 'idle' | Side | 'explaining';
export const phase = signal<RunPhase>('idle');
/** What went wrong last, in words for the user. */
export const failure = signal<string | undefined>(undefined);

export const shown = signal<Shown | undefined>(undefined);

/** 0: before the first prune; n: after the n-th. */
export const stage = signal(0);
/** The patch that is looked at, counted row by row. */
export const patch = signal(0);
/** Patches that are pointed out, from a bar of the histogram. */
export const pointed = signal<readonly number[]>([]);

/**
 * The prune whose scores are shown: the last one up to the stage that the patch came to, or the first.
 */
export const scoredStage = computed(() => scoredStageOf(patch.value));

export function scoredStageOf(index: number): TraceStage | undefined {
  const stages = shown.value?.stages ?? [];
  const past = stages.slice(0, Math.max(1, stage.value));
  return past.findLast(({ candidates }) => candidates.includes(index)) ?? past[0];
}

/** Patches that are left at the stage. */
export const keptNow = computed<ReadonlySet<number>>(() => {
  const found = shown.value?.stages[stage.value - 1];
  return new Set(found ? found.kept : Array.from({ length: patchCount }, (_, at) => at));
});

/** What a screen reader is told. */
export const status = signal('');
