/** What scores are made of, read off a decoder that tells it. */
import type { PrunePlan } from '@transprune/core';
import { numbersOf } from '@transprune/session';
import type { TraceStage } from '../trace.js';
import { runPrompt, type TappedEngine } from './engine.js';
import { traceStages } from './stages.js';

/**
 * The stages of a prompt, with the parts of each score.
 *
 * @param plan of the method `transprune`, whose scores are a sum of two shares
 */
export async function explainStages<Request extends object>(
  { engine, taps }: TappedEngine<Request>,
  plan: PrunePlan,
  request: Request,
): Promise<TraceStage[]> {
  const names = taps.map(({ transition }) => transition);
  const outputs = names.flatMap((name) => name ?? []);
  const { events, tensors, imagePositions } = await runPrompt(engine, request, outputs);
  const transitions = names.map((name) => {
    const tensor = name === undefined ? undefined : tensors[name];
    return tensor && numbersOf(tensor).data;
  });
  return traceStages(plan, { events, imagePositions }, transitions);
}
