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
import { createPlan, type PrunePlan } from '@transprune/core';
import { type HubCase, type HubModel, hubCases, hubFolder } from '@transprune/fixtures';
import type { PruningCall } from '@transprune/transformers';

/** Depths at which the library lets a decoder be pruned, where they are not 3 and 5. */
const depths: Readonly<Record<string, readonly number[]>> = {
  // Layers 7 to 10 borrow keys and values of layers 5 and 6.
  gemma4: [2, 4],
  // Layers 3, 5 and 7 have attention, and the first of them tells the library a conversation's length.
  lfm2_vl: [4, 6],
  // Layers 4 and 8 have attention.
  qwen3_5: [7],
};

/** A plan with up to two prunes for a model. */
export const planFor = (model: HubModel): PrunePlan =>
  createPlan({
    accumulateLayers: [2, 3],
    stages: (depths[model] ?? [3, 5]).map((afterLayer, at) => ({
      afterLayer,
      keepRatio: at === 0 ? 0.5 : 0.25,
    })),
  });

/** The same, for most models. */
export const plan = planFor('llava');

/** Of two ratios as many as a model has prunes. */
export const ratiosFor = (model: HubModel, ratios: readonly [number, number]): number[] =>
  ratios.slice(-planFor(model).stages.length);

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

/** Prompts with an image of each, and one without any. */
export async function promptsOf(name: HubModel) {
  const cases = casesWith(name, 1);
  const byPrompt = [
    ...new Map(cases.map((each) => [`${each.images} ${each.prompt}`, each])).values(),
  ];
  const [first, second] = byPrompt;
  if (!first || !second) throw new Error('expected two prompts with an image');
  const [text = withoutImage(first)] = casesWith(name, 0);
  return { first, second, text };
}

/** Image tokens are those that follow one another. */
const withoutImage = (each: HubCase): HubCase => ({
  ...each,
  images: [],
  inputIds: each.inputIds.filter((id, at, ids) => id !== ids[at - 1] && id !== ids[at + 1]),
});

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
