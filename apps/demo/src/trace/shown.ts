/** What an answer brought so far, and how each event adds to it. */
import type { PrunePlan } from '@transprune/core';
import type { Answer, Grid, LayerMaps, Trace, TracePicture, TraceStage } from '@transprune/trace';
import type { AskEvent, Side } from '../worker/protocol.js';

export interface Shown {
  readonly question: string;
  /** Where it was answered. */
  readonly device: string;
  readonly plan: PrunePlan;
  readonly texts: Readonly<Partial<Record<Side, string>>>;
  readonly answers: Readonly<Partial<Record<Side, Answer>>>;
  readonly stages: readonly TraceStage[];
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly layers: readonly LayerMaps[];
}

export function nothingShown(question: string, device: string, plan: PrunePlan): Shown {
  const none = { texts: {}, answers: {}, stages: [], layers: [] };
  return { question, device, plan, ...none, imageTokens: 0, textTokens: 0 };
}

export function withEvent(before: Shown, event: AskEvent): Shown {
  switch (event.type) {
    case 'start':
      return before;
    case 'text': {
      const text = (before.texts[event.side] ?? '') + event.text;
      return { ...before, texts: { ...before.texts, [event.side]: text } };
    }
    case 'prompt':
      return { ...before, imageTokens: event.imageTokens, textTokens: event.textTokens };
    case 'stage':
      return { ...before, stages: [...before.stages, event.stage] };
    case 'answer':
      return { ...before, answers: { ...before.answers, [event.side]: event.answer } };
    case 'explained':
      return { ...before, stages: event.stages };
  }
}

/** As a trace; undefined while there is no pruned answer. */
export function traceOf(
  { answers, texts: _, ...rest }: Shown,
  picture: TracePicture,
  grid: Grid,
): Trace | undefined {
  const { unpruned, pruned } = answers;
  if (!pruned) return undefined;
  const marks = { format: 'transprune-trace', version: 1, model: 'embedded' } as const;
  return { ...marks, ...rest, picture, grid, ...(unpruned && { unpruned }), pruned };
}

export function shownOf(trace: Trace): Shown {
  const { question, device, plan, stages, imageTokens, textTokens, layers } = trace;
  const { unpruned, pruned } = trace;
  return {
    ...{ question, device, plan, stages, imageTokens, textTokens, layers },
    texts: { ...(unpruned && { unpruned: unpruned.text }), pruned: pruned.text },
    answers: { ...(unpruned && { unpruned }), pruned },
  };
}
