/** What every kind of mixer and of FFN says about its cost; one file a kind, registered in `index.ts`. */

/** One matrix of weights that a token meets: `inputs * outputs` multiply-adds. */
export interface LinearSize {
  readonly inputs: number;
  readonly outputs: number;
}

/** Multiply-adds of one token on its way through these matrices. */
export function linearCost(matrices: readonly LinearSize[]): number {
  return matrices.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
}

/** Tokens that go through one layer, and the keys that they attend to. */
export interface LayerLoad {
  readonly tokens: number;
  /** Keys that a token attends to where no window bounds them, on average over the tokens. */
  readonly keys: number;
  /**
   * Tokens are fed one by one, each with one key more than the one before; left out, all of them come
   * at once and see the same square (`attentionSquareShare`).
   */
  readonly oneByOne?: boolean;
}

/** Numbers that a layer keeps for the tokens to come. */
export interface CacheSize {
  /** In the cache's own element type. */
  readonly elements: number;
  /** In float32 whatever the cache's type. */
  readonly float32: number;
}

/** How caches are kept. */
export interface CachePolicy {
  /** Layers with a window keep that many tokens alone; exported graphs mostly keep every token. */
  readonly windowedCache: boolean;
}

/** The cost of one kind of mixer: what moves information between tokens. */
export interface MixerKind<M> {
  /** Multiply-adds of its matrices for one token, whatever the other tokens. */
  weights(mixer: M, hiddenSize: number): number;
  /**
   * The part of `weights` in front of the attention: what is made of every token, dropped ones too,
   * where a method scores by this layer's attention. null for a mixer without attention.
   */
  queryKeyValue(mixer: M, hiddenSize: number): number | null;
  /** Multiply-adds of what tokens do with one another. */
  mixing(mixer: M, load: LayerLoad): number;
  /** @param length tokens that went through the layer */
  cache(mixer: M, length: number, policy: CachePolicy): CacheSize;
}

/** The cost of one kind of FFN. */
export interface FfnKind<F> {
  /** Multiply-adds of one token. */
  weights(ffn: F, hiddenSize: number): number;
  /** Width that one token meets: the `m` of the published formula. */
  width(ffn: F): number;
}

/**
 * Pairs of a token and a key that it attends to.
 *
 * @param window keys that a token sees at most, itself among them; null for all
 */
export function pairsOf({ tokens, keys, oneByOne }: LayerLoad, window: number | null): number {
  if (window === null) return tokens * keys;
  if (!oneByOne) return tokens * Math.min(keys, window);
  const first = keys - (tokens - 1) / 2;
  const rising = Math.max(0, Math.min(tokens, Math.floor(window - first) + 1));
  return rising * first + (rising * (rising - 1)) / 2 + (tokens - rising) * window;
}
