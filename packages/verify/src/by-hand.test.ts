/** Pruned decoders answer as the original does, cut at the prunes and run by hand on the rows that stay. */
import { createNodeBackend } from '@transprune/backend-node';
import {
  createPlan,
  keptOutput,
  type PrunePlan,
  positionModes,
  presetPlan,
} from '@transprune/core';
import { readModelFile } from '@transprune/files/node';
import { caseFile, hubFolder, maxDifference } from '@transprune/fixtures';
import { encodeModel, fitPlan, pruneModel, readDecoder } from '@transprune/onnx';
import { type HostTensor, openSession, type Session } from '@transprune/session';
import { expect, test } from 'vitest';
import { runByHand } from '../testing/by-hand.js';
import { playCalls } from './play.js';
import { conversation, promptParts, tokenParts, turnParts } from './prompt.js';

/** A session that keeps what it is fed. */
function recording(session: Session, fed: Record<string, HostTensor>[]): Session {
  return {
    ...session,
    run(feeds, fetch) {
      const isHost = ([, tensor]: [string, object]) => 'data' in tensor;
      fed.push(
        Object.fromEntries(Object.entries(feeds).filter(isHost)) as Record<string, HostTensor>,
      );
      return session.run(feeds, fetch);
    },
  };
}

/** A prompt, two tokens, a second turn and another token. */
const layouts = [promptParts, tokenParts, tokenParts, turnParts, tokenParts];

const hub = (name: Parameters<typeof hubFolder>[0]) =>
  `${hubFolder(name)}/onnx/decoder_model_merged.onnx`;

/** Decoders, and whether positions can be kept without looking into a node. */
const decoders: readonly (readonly [string, string, boolean])[] = [
  ['LFM2 of the hub', hub('lfm2_vl'), false],
  ['Qwen3.5 of the hub', hub('qwen3_5'), true],
  ['Gemma 4 of the hub', hub('gemma4'), false],
  ['LFM2 by GenAI', caseFile('hybrid/lfm2-genai.onnx'), false],
  ['Qwen3.5 by GenAI', caseFile('hybrid/qwen35-genai-hybrid.onnx'), true],
  ['Phi', caseFile('parallel/phi-ts17.onnx'), true],
];

test.each(decoders)('%s', async (_, path, keeps) => {
  const original = await readModelFile(path);
  const decoder = readDecoder(original);
  const depth = decoder.layers.length;
  const early = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.3 }] });
  const plans = [
    presetPlan('transprune-high', depth).plan,
    presetPlan('transprune-low', depth).plan,
    early,
    { ...early, method: 'random' as const },
  ].map((plan) => fitPlan(plan, decoder).plan);
  const backend = createNodeBackend({ threads: 1 });
  const isMultimodal = decoder.inputs.positionIds !== undefined;
  for (const plan of plans) {
    for (const positions of keeps ? positionModes : (['renumber'] as const)) {
      const own: PrunePlan = { ...plan, positions };
      const { model } = pruneModel(original, own, { trace: true });
      const session = await openSession(backend, { bytes: encodeModel(model) }, 'cpu');
      const fed: Record<string, HostTensor>[] = [];
      const calls = conversation(layouts, decoder.hiddenSize, 7, isMultimodal ? 'grids' : 'plain');
      const traces = own.stages.map((_, stage) => keptOutput(stage));
      const answers = await playCalls(
        recording(session, fed),
        decoder,
        calls.map((call) => [call]),
        [],
        traces,
      );
      await session.dispose();
      const byHand = await runByHand(
        original,
        own,
        answers.map(({ outputs }, at) => ({
          feeds: fed[at] ?? {},
          kept: traces.map((name) => [...(outputs[name]?.data ?? [])]),
        })),
      );
      for (const [at, { logits }] of answers.entries()) {
        const expected = byHand[at];
        expect(logits.shape).toEqual(expected?.shape);
        expect(maxDifference(logits.data, expected?.data ?? [])).toBeLessThan(1e-4);
      }
    }
  }
});
