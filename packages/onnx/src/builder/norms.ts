/** Norms, and the places where a module's output joins the residual stream. */
import { type BuildContext, microsoft } from './context.js';

/** The residual stream and its norm, both `[batch, tokens, hidden]`. */
export interface StreamState {
  readonly stream: string;
  readonly normed: string;
}

/** An RMS norm over the last axis, of `size` numbers. */
export function emitNorm(
  context: BuildContext,
  input: string,
  name: string,
  size = context.config.hiddenSize,
): string {
  return context.emitter.emit(
    'SimplifiedLayerNormalization',
    [input, emitScale(context, name, size)],
    {
      attributes: { ...epsilon(context), axis: -1, stash_type: 1 },
    },
  );
}

/** Adds a module's output to the stream, and norms the sum. */
export function emitJoin(
  context: BuildContext,
  stream: string,
  output: string,
  name: string,
): StreamState {
  const { emitter, layout } = context;
  if (layout.norms === 'separate') {
    const sum = emitter.emit('Add', [stream, output]);
    return { stream: sum, normed: emitNorm(context, sum, name) };
  }
  const [normed, sum] = [`${output}/normed`, `${output}/stream`];
  const weight = emitScale(context, name, context.config.hiddenSize);
  emitter.emit('SkipSimplifiedLayerNormalization', [stream, output, weight], {
    domain: microsoft,
    attributes: epsilon(context),
    outputs: [normed, '', '', sum],
  });
  return { stream: sum, normed };
}

/** The scale of a norm over `size` numbers. */
export function emitScale({ store, weights }: BuildContext, name: string, size: number): string {
  const full = `${name}.weight`;
  return store.floats(full, [size], () => weights.vector(full, size));
}

function epsilon({ config }: BuildContext) {
  return { epsilon: { float: config.rmsNormEpsilon } };
}
