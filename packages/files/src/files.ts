import type { OnnxModel } from '@transprune/onnx';
import type { ModelSource } from '@transprune/session';

/** The graphs that make up a vision-language model, by the names of their files. */
export const graphNames = ['vision_encoder', 'embed_tokens', 'decoder_model_merged'] as const;
export type GraphName = (typeof graphNames)[number];

/** A model's files, laid out as on the Hugging Face hub: in a folder, on a server, or on the hub itself. */
export interface VlmFiles {
  /** What messages call it: its folder, its address, or its id. */
  readonly name: string;
  /** A text file by its path, such as `config.json`; undefined if there is none. */
  readText(path: string): Promise<string | undefined>;
  /**
   * One of the graphs.
   *
   * @throws TransPruneError NOT_FOUND that names the missing file
   */
  graph(name: GraphName): Promise<ModelSource>;
  /**
   * One of the graphs, changed. The files stay as they are; weights in files of their own are not read where
   * the new graph can find them.
   *
   * @throws TransPruneError NOT_FOUND that names the missing file, INVALID_MODEL for one that does not parse
   */
  rewrite(name: GraphName, change: (model: OnnxModel) => OnnxModel): Promise<RewrittenGraph>;
}

/** A graph that was changed, as a session can be opened from it. */
export interface RewrittenGraph {
  readonly source: ModelSource;
  /** Removes what was written for it; to be called when its session is closed. */
  dispose(): Promise<void>;
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

/** Path of a graph among the files, such as `onnx/decoder_model_merged_q4.onnx`. */
export function graphPath(name: GraphName, format: FormatChoice = 'fp32'): string {
  const chosen = typeof format === 'string' ? format : (format[name] ?? 'fp32');
  return `onnx/${name}${formatEndings[chosen]}.onnx`;
}
