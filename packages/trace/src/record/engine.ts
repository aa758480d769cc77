/** What recording takes of an engine: the engines of `@transprune/vlm` are such. */
import type { HostTensor } from '@transprune/session';

export interface TracedEngine<Request> {
  generate(request: Request): AsyncIterable<TracedEvent>;
}

export type TracedEvent =
  | TracedStage
  | { readonly type: 'outputs'; readonly tensors: Readonly<Record<string, HostTensor>> }
  | { readonly type: 'token'; readonly text: string }
  | TracedFinish;

/** What one prune left of the prompt. */
export interface TracedStage {
  readonly type: 'stage';
  /** Counted from 0. */
  readonly stage: number;
  /** Positions in the prompt that survived, ascending. */
  readonly kept: readonly number[];
  /** The image tokens among them, counted among the prompt's image tokens from 0. */
  readonly keptImageTokens: readonly number[];
  /** Of the tokens before the stage: those that the stage before kept, or the whole prompt. */
  readonly scores: readonly number[];
}

export interface TracedFinish {
  readonly type: 'finish';
  readonly text: string;
  readonly reason: string;
  readonly usage: { readonly completionTokens: number };
  readonly prompt: {
    readonly textTokens: number;
    readonly imageTokens: number;
    /** Ascending. */
    readonly imagePositions: readonly number[];
  };
  readonly timings: {
    readonly timeToFirstTokenMs: number;
    readonly visionMs: number;
    readonly prefillMs: number;
    readonly decodeTokensPerSecond: number;
  };
  readonly cache: {
    readonly afterPrefill: { readonly lengths: readonly number[]; readonly bytes: number };
  };
}

/** A decoder that gives out what its scores are made of, as one that is pruned with `taps` does. */
export interface TappedEngine<Request> {
  readonly engine: TracedEngine<Request>;
  /** Of each stage, names of outputs. */
  readonly taps: readonly {
    readonly layers: readonly {
      readonly layer: number;
      readonly modules: readonly { readonly input: string; readonly output: string }[];
    }[];
    readonly transition?: string;
  }[];
}

/** Runs a prompt up to the first token, and keeps the outputs that are named. */
export async function runPrompt<Request extends object>(
  engine: TracedEngine<Request>,
  request: Request,
  outputs: readonly string[],
) {
  const events: TracedStage[] = [];
  let tensors: Readonly<Record<string, HostTensor>> = {};
  let imagePositions: readonly number[] = [];
  for await (const event of engine.generate({ ...request, outputs, maxNewTokens: 1 })) {
    if (event.type === 'stage') events.push(event);
    if (event.type === 'outputs') tensors = event.tensors;
    if (event.type === 'finish') imagePositions = event.prompt.imagePositions;
  }
  return { events, tensors, imagePositions };
}
