/** What scores are made of, and what layers do: read off decoders that tell it. */
import { arrayAlgebra as algebra, type NDArray, type PrunePlan } from '@transprune/core';
import { type HostTensor, numbersOf } from '@transprune/session';
import type { LayerMaps, ModuleMaps, TraceStage } from '@transprune/trace';
import type { EngineRequest, StageEvent } from '@transprune/vlm';
import type { TappedEngine } from './engines.js';
import { traceStages } from './stages.js';

/** The stages of a prompt, with the parts of each score. */
export async function explainStages(
  tapped: TappedEngine,
  plan: PrunePlan,
  request: EngineRequest,
): Promise<TraceStage[]> {
  const names = tapped.taps.map(({ transition }) => transition);
  const outputs = names.flatMap((name) => name ?? []);
  const { events, tensors, imagePositions } = await runPrompt(tapped, { ...request, outputs });
  const transitions = names.map((name) => {
    const tensor = name === undefined ? undefined : tensors[name];
    return tensor && numbersOf(tensor).data;
  });
  return traceStages(plan, { events, imagePositions }, transitions);
}

/** Magnitude and direction of each layer's modules, at the image tokens. */
export async function surveyLayers(
  survey: TappedEngine,
  request: EngineRequest,
): Promise<LayerMaps[]> {
  const layers = survey.taps.flatMap((stage) => stage.layers);
  const outputs = layers.flatMap(({ modules }) => modules.flatMap((m) => [m.input, m.output]));
  const { tensors, imagePositions } = await runPrompt(survey, { ...request, outputs });
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

async function runPrompt({ engine }: TappedEngine, request: EngineRequest) {
  const events: StageEvent[] = [];
  let tensors: Readonly<Record<string, HostTensor>> = {};
  let imagePositions: readonly number[] = [];
  for await (const event of engine.generate({ ...request, maxNewTokens: 1 })) {
    if (event.type === 'stage') events.push(event);
    if (event.type === 'outputs') tensors = event.tensors;
    if (event.type === 'finish') imagePositions = event.prompt.imagePositions;
  }
  return { events, tensors, imagePositions };
}
