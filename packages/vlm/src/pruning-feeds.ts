import {
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  maskOutput,
  pastMaskInput,
} from '@transprune/core';
import type { HostTensor, Session, SessionTensor } from '@transprune/session';
import type { Feeds, Outputs } from './adapter.js';

/** The masks that go with the caches behind each prune, by the names of the inputs they go into. */
export type StageMasks = Readonly<Record<string, SessionTensor>>;

/** The inputs of a pruned decoder that transformers.js doesn't know, and where they come from. */
export interface PruningInterface {
  takes(input: string): boolean;
  /** True for outputs that are of use for the next run alone. */
  isMask(output: string): boolean;
  /**
   * What to feed besides.
   *
   * @param images int64 `[batch, tokens]`, numbers of the images
   * @param masks those of the run before; none at the start
   */
  feeds(
    images: HostTensor<'int64'>,
    keepRatios: readonly number[] | undefined,
    masks: StageMasks,
  ): Feeds;
  /** The masks among the outputs, for the run that follows. */
  masksOf(outputs: Outputs): StageMasks;
}

/** What a decoder takes and gives because it prunes itself; an unpruned one, nothing. */
export function pruningInterface({ inputs }: Pick<Session, 'inputs'>): PruningInterface {
  const names = new Set(inputs.map(({ name }) => name));
  const masks: { readonly input: string; readonly output: string }[] = [];
  while (names.has(pastMaskInput(masks.length))) {
    const stage = masks.length;
    masks.push({ input: pastMaskInput(stage), output: maskOutput(stage) });
  }
  const known = new Set([
    imageMaskInput,
    instructionMaskInput,
    keepRatiosInput,
    ...masks.map(({ input }) => input),
  ]);
  return {
    takes: (input) => known.has(input),
    isMask: (name) => masks.some(({ output }) => output === name),
    feeds(images, keepRatios = [], past) {
      const { dims } = images;
      const all: Feeds = {
        [imageMaskInput]: images,
        // No token is marked: those behind the last image are the instruction.
        [instructionMaskInput]: {
          type: 'int64',
          dims,
          data: new BigInt64Array(images.data.length),
        },
        [keepRatiosInput]: {
          type: 'float32',
          dims: [keepRatios.length],
          data: Float32Array.from(keepRatios),
        },
        ...Object.fromEntries(masks.map(({ input }) => [input, past[input] ?? emptyMask(dims)])),
      };
      return Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
    },
    masksOf(outputs) {
      return Object.fromEntries(
        masks.flatMap(({ input, output }) => {
          const mask = outputs[output];
          return mask ? [[input, mask]] : [];
        }),
      );
    },
  };
}

function emptyMask([batch = 1]: readonly number[]): HostTensor<'int64'> {
  return { type: 'int64', dims: [batch, 0], data: new BigInt64Array(0) };
}

/** Frees masks that no run will be fed any more. */
export function disposeMasks(masks: StageMasks): void {
  for (const mask of Object.values(masks)) mask.dispose();
}
