/** The benchmark of `transprune bench`, in the browser, on a decoder with random weights. */
import {
  type BenchDocument,
  benchTimes,
  cacheElementBytes,
  keptIndices,
  measure,
  type PromptSizes,
  promptCall,
  type RunCount,
  syntheticDecoder,
  tokenCall,
} from '@transprune/bench';
import {
  type DecoderConfig,
  decoderConfig,
  keptImageTokens,
  type PrunePlan,
  presetPlan,
} from '@transprune/core';
import { fullCost, llamaDecoder, presetConfig } from '@transprune/flops';
import { encodeModel, type OnnxModel, pruneModel } from '@transprune/onnx';
import { type Backend, DecoderSession, openSession, type Session } from '@transprune/session';
import embedded from '../../../../packages/embedded-model/model/config.json';
import { type BenchProgress, type BenchRequest, benchShapes } from './bench-protocol.js';
import { dispatchesOf } from './dispatches.js';

const textTokens = 64;
const warmups = 1;
const decodeSteps = 4;
const weightFile = 'decoder.onnx.data';

/** Builds, opens and times the decoder: unpruned, by the oracle and pruned. */
export async function runBench(
  { shape, precision, device, preset, runs }: Omit<BenchRequest, 'page'>,
  { backend, threads }: { readonly backend: Backend; readonly threads: number },
  tell: (progress: BenchProgress) => void,
): Promise<BenchDocument> {
  const { imageTokens } = benchShapes[shape];
  const config = decoderConfig(shape === 'embedded' ? embedded : presetConfig(shape));
  const sizes: PromptSizes = { ...config, imageTokens, textTokens };
  const { plan } = presetPlan(preset, config.layers);
  const opened: Session[] = [];
  tell({ doing: 'making a decoder with random weights', share: 0 });
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const positions = imageTokens + textTokens + decodeSteps;
  const decoder = syntheticDecoder(shape === 'embedded' ? config : shape, {
    precision,
    positions,
    weightFile: { location: weightFile, append: (bytes) => pieces.push(bytes.slice()) },
  });
  const weights = new Uint8Array(await new Blob(pieces.splice(0)).arrayBuffer());
  const open = async (model: OnnxModel) => {
    const source = { bytes: encodeModel(model), externalData: { [weightFile]: weights } };
    const session = await openSession(backend, source, device);
    opened.push(session);
    return session;
  };
  try {
    tell({ doing: 'asking the pruned decoder which tokens it keeps', share: 0.05 });
    const traced = await open(pruneModel(decoder, plan, { trace: true }).model);
    const constantIndices = await keptIndices(traced, sizes, plan.stages.length);
    await traced.dispose();
    opened.pop();
    tell({ doing: 'opening three decoders', share: 0.1 });
    const sessions = {
      baseline: await open(decoder),
      oracle: await open(pruneModel(decoder, plan, { constantIndices }).model),
      pruned: await open(pruneModel(decoder, plan).model),
    };
    tell({ doing: 'counting kernels', share: 0.15 });
    const dispatches = {
      baseline: await kernelsOf(sessions.baseline, sizes),
      pruned: await kernelsOf(sessions.pruned, sizes),
    };
    const measured = await measure({
      sessions,
      decoding: ['baseline', 'pruned'],
      sizes,
      runs,
      warmups,
      decodeSteps,
      signal: new AbortController().signal,
      onRound: (round) =>
        tell({
          doing: `round ${round + 1} of ${warmups + runs}`,
          share: 0.2 + (0.8 * round) / (warmups + runs),
        }),
    });
    return {
      ...{ model: shape, precision, preset, sizes: config, imageTokens, textTokens },
      stages: plan.stages.map((stage) => ({
        ...stage,
        imageTokens: keptImageTokens(stage.keepRatio, imageTokens),
      })),
      ...{ device, threads, runs, warmups },
      flopsBoundSpeedup: boundOf(config, plan, sizes, cacheElementBytes[precision]),
      ...benchTimes(measured, decodeSteps),
      ...(device === 'webgpu' && { dispatches }),
    };
  } finally {
    await Promise.all(opened.map((session) => session.dispose()));
  }
}

async function kernelsOf(session: Session, sizes: PromptSizes): Promise<RunCount> {
  const decoder = new DecoderSession(session, { cacheSizes: sizes });
  const prefill = await dispatchesOf(async () =>
    (await decoder.prefill(promptCall(sizes))).logits.dispose(),
  );
  const step = await dispatchesOf(async () =>
    (await decoder.step(tokenCall(sizes, 0))).logits.dispose(),
  );
  decoder.dispose();
  return { prefill, step };
}

/** What counted multiply-adds would allow. */
function boundOf(
  config: DecoderConfig,
  plan: PrunePlan,
  { imageTokens }: PromptSizes,
  bytesPerElement: number,
): number {
  const model = {
    ...{ name: 'decoder', source: 'synthetic', decoder: llamaDecoder(config), vision: null },
    ...{ imageTokens, imageAssumption: `${imageTokens} image tokens`, notes: [] },
  };
  return fullCost(model, plan, { imageTokens, textTokens, bytesPerElement }).flopsBoundSpeedup;
}
