/** What decoders are asked: a prompt with an image between texts, and tokens that follow it. */
import { randomOf } from './random.js';

/** Tokens of a prompt. */
export interface Prompt {
  /** 1 at tokens of the image. */
  readonly imageMask: readonly number[];
}

const imageStart = 5;
const imageTokens = 12;

/** Text, an image, text; its length is prime, so that an axis of this size is that of the tokens. */
export const withImage: Prompt = {
  imageMask: Array.from({ length: 23 }, (_, at) =>
    at >= imageStart && at < imageStart + imageTokens ? 1 : 0,
  ),
};

/** No image. */
export const textOnly: Prompt = {
  imageMask: new Array<number>(7).fill(0),
};

/** Tokens after a prompt, one by one. */
export const steps = 2;

/** Numbers between -1 and 1, the same for the same name. */
export function numbers(name: string, count: number): Float32Array {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) | 0;
  const random = randomOf(hash);
  return Float32Array.from({ length: count }, () => random.real());
}
