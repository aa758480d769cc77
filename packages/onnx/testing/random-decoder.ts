import { type Checkpoint, type DecoderConfig, ndarray, uniformNoise } from '@transprune/core';

/** A small decoder with grouped heads. */
export const smallConfig: DecoderConfig = {
  layers: 6,
  hiddenSize: 24,
  heads: 6,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 40,
  vocabularySize: 32,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10000,
  maxPositions: 128,
  tiedEmbeddings: false,
};

/** A checkpoint of random weights under LLaMA's names. */
export function randomCheckpoint(config: DecoderConfig, seed: number): Checkpoint {
  const { hiddenSize, headDim, intermediateSize } = config;
  const queries = config.heads * headDim;
  const keys = config.kvHeads * headDim;
  const shapes: Record<string, [number, number]> = {
    q_proj: [queries, hiddenSize],
    k_proj: [keys, hiddenSize],
    v_proj: [keys, hiddenSize],
    o_proj: [hiddenSize, queries],
    gate_proj: [intermediateSize, hiddenSize],
    up_proj: [intermediateSize, hiddenSize],
    down_proj: [hiddenSize, intermediateSize],
    lm_head: [config.vocabularySize, hiddenSize],
  };
  const seedOf = (name: string) => [...name].reduce((sum, c) => sum * 31 + c.charCodeAt(0), seed);
  return {
    names: [],
    tensor(name) {
      const part = name.split('.').at(-2) ?? '';
      const shape = shapes[part];
      if (!shape) return ndarray(new Float64Array(hiddenSize).fill(1), [hiddenSize]);
      const bound = Math.sqrt(3 / shape[1]);
      const noise = uniformNoise(seedOf(name), shape[0] * shape[1]);
      // Rounded to float32, so that both readings start from the same numbers.
      return ndarray(
        Float32Array.from(noise, (u) => (2 * u - 1) * bound),
        shape,
      );
    },
  };
}

/** Uniform numbers in [-1, 1) as embeddings, `[1, tokens, hidden]`. */
export function randomEmbeddings(
  config: DecoderConfig,
  tokens: number,
  seed: number,
): Float32Array {
  return uniformNoise(seed, tokens * config.hiddenSize).map((u) => 2 * u - 1);
}
