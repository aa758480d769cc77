/** What layers do to each image token, read off a decoder that tells it. */
import {
  arrayAlgebra as algebra,
  createPlan,
  type NDArray,
  type PrunePlan,
} from '@transprune/core';
import { numbersOf } from '@transprune/session';
import type { LayerMaps, ModuleMaps } from '../trace.js';
import { runPrompt, type TappedEngine } from './engine.js';

/**
 * A plan that drops nothing; a decoder pruned by it, with `taps`, tells of every layer but the last.
 *
 * @param layers of the decoder
 */
export function surveyPlan(layers: number): PrunePlan {
  const last = layers - 1;
  return createPlan({
    method: 'transition',
    accumulateLayers: Array.from({ length: last }, (_, layer) => layer + 1),
    stages: [{ afterLayer: last, keepRatio: 1 }],
  });
}

/** Magnitude and direction of each layer's modules, at the image tokens. */
export async function surveyLayers<Request extends object>(
  { engine, taps }: TappedEngine<Request>,
  request: Request,
): Promise<LayerMaps[]> {
  const layers = taps.flatMap((stage) => stage.layers);
  const outputs = layers.flatMap(({ modules }) => modules.flatMap((m) => [m.input, m.output]));
  const { tensors, imagePositions } = await runPrompt(engine, request, outputs);
  const read = (name: string) => {
    const tensor = tensors[name];
    if (!tensor) throw new Error(`expected the output ${name}`);
    return numbersOf(tensor);
  };
  return layers.map(({ layer, modules }) => {
    const [attention, ffn] = modules.map((m) =>
      moduleMaps(read(m.input), read(m.output), imagePositions),
    );
    if (!attention || !ffn) throw new Error('expected attention and FFN in every layer');
    return { layer, attention, ffn };
  });
}

/** @param input, output `[1, tokens, hidden]`, what the module reads and writes */
function moduleMaps(
  input: NDArray,
  output: NDArray,
  imagePositions: readonly number[],
): ModuleMaps {
  const read = algebra.l2norm(input, [-1]);
  const written = algebra.l2norm(output, [-1]);
  const product = algebra.sum(algebra.multiply(input, output), [-1]);
  const cosine = algebra.divide(product, algebra.multiply(read, written)).data;
  const magnitude = algebra.divide(written, read).data;
  return {
    magnitude: imagePositions.map((position) => magnitude[position] ?? 0),
    direction: imagePositions.map((position) => 1 - (cosine[position] ?? 0)),
  };
}
