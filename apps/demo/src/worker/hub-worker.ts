/** The worker that runs a model of the hub on transformers.js, its decoder pruned by two lines. */
import {
  AutoModelForImageTextToText,
  AutoProcessor,
  env,
  type PreTrainedModel,
  type Processor,
  type ProgressInfo,
  RawImage,
  type Tensor,
} from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { type PrunedModel, type PruningCall, pruned } from '@transprune/transformers';
import { expose } from 'comlink';
import { processed } from './hub-prompt.js';
import type { HubAnswer, HubProgress, HubWorker } from './model-protocol.js';

const longestAnswer = 64;

let loaded:
  | { readonly model: PrunedModel<PreTrainedModel>; readonly processor: Processor }
  | undefined;

const worker: HubWorker = {
  async load({ id, type, device, preset, page }, onProgress) {
    // The page's own folder has the runtime, but no models.
    env.allowLocalModels = false;
    const { wasm } = env.backends.onnx;
    if (wasm) wasm.wasmPaths = new URL('runtime/', page).href;
    const progress_callback = byFile(onProgress);
    const processor = await AutoProcessor.from_pretrained(id, { progress_callback });
    const model = await pruned(AutoModelForImageTextToText, { preset }).from_pretrained(id, {
      dtype: type,
      device,
      progress_callback,
    });
    loaded = { model, processor };
    return model.pruning.plan;
  },

  async ask({ data, width, height, channels }, question) {
    if (!loaded) throw new TransPruneError('INVALID_ARGUMENT', 'expected a model; load it first');
    const { model, processor } = loaded;
    const image = new RawImage(data, width, height, channels).rgb();
    const inputs = await processed(processor, image, question);
    const answer = async (pruning?: PruningCall): Promise<HubAnswer> => {
      const start = performance.now();
      const sequences = (await model.generate({
        ...inputs,
        max_new_tokens: longestAnswer,
        do_sample: false,
        ...(pruning !== undefined && { pruning }),
      } as never)) as Tensor;
      const ms = performance.now() - start;
      const length = (inputs.input_ids as Tensor).dims[1] ?? 0;
      const told = sequences.slice(null, [length, sequences.dims[1] ?? length]);
      const [text = ''] = processor.batch_decode(told, { skip_special_tokens: true });
      return { text: text.trim(), ms, imageTokens: countsOf(model) };
    };
    // The first run of a shape takes longer, whichever it is.
    await model.generate({ ...inputs, max_new_tokens: 1 } as never);
    const last = await answer(false);
    const first = await answer();
    return { unpruned: { ...last, imageTokens: first.imageTokens.slice(0, 1) }, pruned: first };
  },
};

expose(worker);

/** Image tokens of the last prompt, and after each prune. */
function countsOf({ pruning }: PrunedModel<PreTrainedModel>): number[] {
  const [prompt] = pruning.last ?? [];
  if (!prompt) return [];
  const all = prompt.images.filter((image) => image > 0).length;
  return [all, ...prompt.stages.map(({ keptImageTokens }) => keptImageTokens.length)];
}

/** Adds up what the library tells of each file. */
function byFile(tell: (progress: HubProgress) => void): (info: ProgressInfo) => void {
  const files = new Map<string, { loaded: number; total: number }>();
  return (info) => {
    if (info.status !== 'progress') return;
    files.set(info.file, info);
    const all = [...files.values()];
    tell({
      doing: `fetching ${info.file}`,
      bytes: all.reduce((sum, { loaded: bytes }) => sum + bytes, 0),
      allBytes: all.reduce((sum, { total }) => sum + total, 0),
    });
  };
}
