/** Tiny models of many classes, opened by the stock library and with a pruned decoder. */
import {
  AutoModelForImageTextToText,
  AutoProcessor,
  cat,
  type DynamicCache,
  type PreTrainedModel,
  RawImage,
  Tensor,
} from '@huggingface/transformers';
import { createPlan } from '@transprune/core';
import { type HubCase, type HubModel, hubCases, hubFolder } from '@transprune/fixtures';
import type { PruningCall } from '@transprune/transformers';

/** Prunes twice in each of the tiny decoders. */
export const plan = createPlan({
  accumulateLayers: [2, 3],
  stages: [
    { afterLayer: 3, keepRatio: 0.5 },
    { afterLayer: 5, keepRatio: 0.25 },
  ],
});

/** The classes of all of them. */
export const Class = AutoModelForImageTextToText;

/** What `from_pretrained` takes for a case. */
export const loadOptions = ({ format }: Pick<HubCase, 'format'>) => ({
  dtype: {
    ...{ vision_encoder: 'fp32', embed_tokens: 'fp32', audio_encoder: 'fp32' },
    ...{ decoder_model_merged: 'fp32', ...format },
  } as Record<string, 'fp32'>,
});

/** Cases of a model in float32 with a number of images; those that lose padding are left out. */
export function casesWith(model: HubModel, images: number): HubCase[] {
  return hubCases().filter(
    (each) =>
      each.model === model &&
      each.images.length === images &&
      !each.losesPadding &&
      Object.values(each.format).every((name) => name === 'fp32'),
  );
}

export type Inputs = Readonly<Record<string, Tensor>>;

/** What a model is given for a prompt. */
export async function inputsOf({ model, images, inputIds }: HubCase): Promise<Inputs> {
  const { image_processor: process } = await AutoProcessor.from_pretrained(hubFolder(model));
  const pictures = await Promise.all(images.map((path) => RawImage.read(path)));
  // Qwen's takes several images for the frames of a video.
  const groups = model.startsWith('qwen') ? pictures.map((each) => [each]) : [pictures];
  const each: Record<string, unknown>[] = [];
  for (const group of groups)
    if (group.length > 0) each.push({ ...(await process?._call(group as never)) });
  const pixels = Object.entries(each[0] ?? {}).flatMap(([name, value]) =>
    value instanceof Tensor
      ? [
          [
            name,
            cat(
              each.map((one) => one[name] as Tensor),
              0,
            ),
          ] as const,
        ]
      : [],
  );
  return { ...Object.fromEntries(pixels), ...idsOf([inputIds]) };
}

/** Rows of ids, the shorter padded in front. */
export function idsOf(rows: readonly (readonly number[])[], padding = 0): Inputs {
  const width = Math.max(...rows.map(({ length }) => length));
  const tensor = (fill: (row: readonly number[]) => readonly number[]) =>
    new Tensor('int64', BigInt64Array.from(rows.flatMap(fill), BigInt), [rows.length, width]);
  const before = (row: readonly number[], value: number) =>
    new Array<number>(width - row.length).fill(value);
  return {
    input_ids: tensor((row) => [...before(row, padding), ...row]),
    attention_mask: tensor((row) => [...before(row, 0), ...row.map(() => 1)]),
  };
}

export interface GenerateOptions {
  readonly tokens?: number;
  readonly pruning?: PruningCall | undefined;
  readonly others?: Readonly<Record<string, unknown>>;
}

/** An answer's tokens, row by row, and its cache. */
export async function generate(
  model: PreTrainedModel,
  inputs: Inputs,
  { tokens = 12, pruning, others }: GenerateOptions = {},
): Promise<{ readonly rows: number[][]; readonly cache: DynamicCache }> {
  const { sequences, past_key_values: cache } = (await model.generate({
    ...inputs,
    ...others,
    max_new_tokens: tokens,
    do_sample: false,
    return_dict_in_generate: true,
    ...(pruning !== undefined && { pruning }),
  })) as unknown as { readonly sequences: Tensor; readonly past_key_values: DynamicCache };
  const before = inputs.input_ids?.dims[1] ?? 0;
  const rows = (sequences.tolist() as bigint[][]).map((row) => row.slice(before).map(Number));
  return { rows, cache };
}
