/** Tests that pruned decoders answer as the original does, cut at the prunes and run by hand on the rows that stay. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createNodeBackend } from '@transprune/backend-node';
import {
  createPlan,
  keptOutput,
  type PositionMode,
  type PrunePlan,
  positionModes,
  presetPlan,
} from '@transprune/core';
import { readModelFile } from '@transprune/files/node';
import { caseFile, exportedDecoder, hubFolder, maxDifference } from '@transprune/fixtures';
import {
  cacheModesOf,
  type Decoder,
  encodeModel,
  externalLocations,
  fitPlan,
  type OnnxModel,
  pruneModel,
  readDecoder,
} from '@transprune/onnx';
import { type HostTensor, openSession, type Session } from '@transprune/session';
import { expect, test } from 'vitest';
import { type Answer, playCalls } from '../src/play.js';
import { conversation, promptParts, tokenParts, turnParts } from '../src/prompt.js';
import { type ExternalData, runByHand } from './by-hand.js';

/** A prompt, two tokens, a second turn and another token. */
const layouts = [promptParts, tokenParts, tokenParts, turnParts, tokenParts];

/** More than all of them. */
const cacheRoom = 64;

const hub = (name: Parameters<typeof hubFolder>[0]) =>
  `${hubFolder(name)}/onnx/decoder_model_merged.onnx`;

/** Decoders, and whether positions can be kept without looking into a node. */
const decoders: readonly (readonly [name: string, path: string, keeps: boolean])[] = [
  ['LFM2 of the hub', hub('lfm2_vl'), false],
  ['Qwen3.5 of the hub', hub('qwen3_5'), true],
  ['Gemma 4 of the hub', hub('gemma4'), false],
  ['Gemma 3n', exportedDecoder('gemma3n', 'dynamo-18').path, false],
  ['LFM2 by GenAI', caseFile('hybrid/lfm2-genai.onnx'), false],
  ['Qwen3-VL by GenAI', caseFile('gqa-head-dim-symbolic/qwen3vl-genai.onnx'), true],
  ['LLaVA by another builder', caseFile('packed-weight-in-graph/llava-mobius-webgpu.onnx'), false],
  ['Qwen3.5 by GenAI', caseFile('hybrid/qwen35-genai-hybrid.onnx'), true],
  ['Phi', caseFile('parallel/phi-ts17.onnx'), true],
  ['Qwen3-MoE', caseFile('moe/qwen3moe-ts17.onnx'), true],
  ['gpt-oss', caseFile('attention-sinks/gptoss-ts17.onnx'), false],
];

const early = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.3 }] });

/** High, Low, one early prune, and one that reads no attention. */
export function plansByHand(depth: number): readonly PrunePlan[] {
  return [
    presetPlan('transprune-high', depth).plan,
    presetPlan('transprune-low', depth).plan,
    early,
    { ...early, method: 'random' },
  ];
}

/**
 * @param plansOf plans for a decoder of so many layers
 * @param modes how tokens are numbered, where a decoder leaves a choice
 */
export function testByHand(
  plansOf: (depth: number) => readonly PrunePlan[],
  modes: readonly PositionMode[] = positionModes,
): void {
  test.each(decoders)('%s', async (_, path, keeps) => {
    const original = await readModelFile(path);
    const decoder = readDecoder(original);
    for (const plan of plansOf(decoder.layers.length)) {
      for (const positions of keeps ? modes : (['renumber'] as const)) {
        const fitted = fitPlan({ ...plan, positions }, decoder).plan;
        await compare({ original, decoder, externalData: weightsOf(original, path) }, fitted);
      }
    }
  });
}

/** What is tested. */
interface Subject {
  readonly original: OnnxModel;
  readonly decoder: Decoder;
  readonly externalData: ExternalData;
}

/** Contents of the files beside a model that hold its weights. */
function weightsOf(model: OnnxModel, path: string): ExternalData {
  const read = (location: string) => readFileSync(join(dirname(path), location));
  return Object.fromEntries(externalLocations(model).map((location) => [location, read(location)]));
}

/** In caches that grow and, where attention is told lengths, in those with room for more than they hold. */
async function compare(subject: Subject, plan: PrunePlan): Promise<void> {
  const { original, externalData } = subject;
  const fed: Record<string, HostTensor>[] = [];
  const traces = plan.stages.map((_, stage) => keptOutput(stage));
  const growing = await answersOf(subject, plan, { fed });
  const keptOf = ({ outputs }: Answer) => traces.map((name) => [...(outputs[name]?.data ?? [])]);
  const handCalls = growing.map((answer, at) => ({ feeds: fed[at] ?? {}, kept: keptOf(answer) }));
  const byHand = await runByHand(original, plan, handCalls, externalData);
  const isTold = cacheModesOf(original).includes('fixed');
  const roomy = isTold ? await answersOf(subject, plan, { cacheRoom }) : [];
  for (const answers of [growing, roomy]) {
    for (const [at, answer] of answers.entries()) {
      const expected = byHand[at];
      expect(keptOf(answer)).toEqual(handCalls[at]?.kept);
      expect(answer.logits.shape).toEqual(expected?.shape);
      expect(maxDifference(answer.logits.data, expected?.data ?? [])).toBeLessThan(1e-4);
    }
  }
}

/** @param fed takes what the decoder is fed */
async function answersOf(
  { original, decoder, externalData }: Subject,
  plan: PrunePlan,
  { fed, cacheRoom = 0 }: { fed?: Record<string, HostTensor>[]; cacheRoom?: number },
): Promise<readonly Answer[]> {
  const cache = cacheRoom > 0 ? 'fixed' : 'growing';
  const { model } = pruneModel(original, plan, { trace: true, cache });
  const backend = createNodeBackend({ threads: 1 });
  const session = await openSession(backend, { bytes: encodeModel(model), externalData }, 'cpu');
  const numbering = decoder.positions === 'keep' ? 'grids' : 'plain';
  const calls = conversation(layouts, decoder.hiddenSize, 7, numbering);
  const fetch = plan.stages.map((_, stage) => keptOutput(stage));
  try {
    return await playCalls(
      fed ? recording(session, fed) : session,
      decoder,
      calls.map((call) => [call]),
      [],
      { fetch, cacheRoom },
    );
  } finally {
    await session.dispose();
  }
}

/** A session that keeps what it is fed. */
function recording(session: Session, fed: Record<string, HostTensor>[]): Session {
  return {
    ...session,
    run(feeds, fetch) {
      const host = Object.entries(feeds).filter(([, tensor]) => 'data' in tensor);
      fed.push(Object.fromEntries(host) as Record<string, HostTensor>);
      return session.run(feeds, fetch);
    },
  };
}
