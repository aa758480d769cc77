import type { ModelSource } from '@transprune/session';

/** The graphs that make up a vision-language model, by the names of their files. */
export const graphNames = ['vision_encoder', 'embed_tokens', 'decoder_model_merged'] as const;
export type GraphName = (typeof graphNames)[number];

/**
 * Where a model's files are: a Hugging Face repository in the layout that transformers.js loads,
 * as a folder, on a static server, or on the hub.
 */
export interface VlmFiles {
  /** What transformers.js loads tokenizer and processor by: an absolute folder, or a hub id. */
  readonly pretrained: string;
  /** True if nothing may be looked up on the network. */
  readonly localOnly: boolean;
  /** Branch, tag or commit of a hub id. */
  readonly revision?: string;
  /** A text file by its path in the repository; undefined if there is none. */
  readText(path: string): Promise<string | undefined>;
  /**
   * One of the graphs.
   *
   * @throws TransPruneError NOT_FOUND that names the missing file
   */
  graph(name: GraphName): Promise<ModelSource>;
}

/** Number formats that exports come in; each has its own ending of the file name. */
const formatEndings = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;

export type NumberFormat = keyof typeof formatEndings;
export const numberFormats = Object.keys(formatEndings) as readonly NumberFormat[];

/** Formats for the graphs; those not named are float32. */
export type FormatChoice = NumberFormat | Partial<Readonly<Record<GraphName, NumberFormat>>>;

/** Path of a graph in the repository, such as `onnx/decoder_model_merged_q4.onnx`. */
export function graphPath(name: GraphName, format: FormatChoice = 'fp32'): string {
  const chosen = typeof format === 'string' ? format : (format[name] ?? 'fp32');
  return `onnx/${name}${formatEndings[chosen]}.onnx`;
}
