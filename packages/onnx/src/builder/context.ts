import type { DecoderConfig, TensorAlgebra } from '@transprune/core';
import { onnxAlgebra } from '../graph/algebra.js';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { Layout } from './options.js';
import type { WeightStore } from './store.js';
import type { WeightSource } from './weights.js';

/** Operators of ONNX Runtime's own. */
export const microsoft = 'com.microsoft';

/** What the parts of the builder work with. */
export interface BuildContext {
  readonly config: DecoderConfig;
  readonly layout: Layout;
  readonly weights: WeightSource;
  readonly store: WeightStore;
  readonly emitter: Emitter;
  /** Whether the past is read; without it every cache starts empty. */
  readonly withPast: boolean;
}

/** A number as a constant of the layout's type. */
export function emitScalar({ emitter, layout, store }: BuildContext, value: number): string {
  return layout.floatType === TensorProto_DataType.FLOAT
    ? emitter.float(value)
    : store.floats(`constants/FLOAT16[]${value}`, [], () => Float32Array.of(value));
}

/** Formulas as nodes, in the layout's type. */
export function layoutAlgebra(context: BuildContext): TensorAlgebra<string> {
  const constant = (value: number) => emitScalar(context, value);
  return { ...onnxAlgebra(context.emitter), constant };
}
