/** A page as an app has it: the stock library, and two lines more. What it does is asked for by the test. */
import {
  AutoModelForImageTextToText,
  env,
  type PreTrainedModel,
  Tensor,
} from '@huggingface/transformers';
import {
  type PrunedModel,
  type PruningCall,
  type PruningOptions,
  pruned,
  withPruning,
} from '@transprune/transformers';

env.remoteHost = location.origin;
env.remotePathTemplate = 'models/{model}/';
const { wasm } = env.backends.onnx;
if (wasm) wasm.wasmPaths = `${location.origin}/runtime/`;

/** A tensor as plain data. */
export interface PlainTensor {
  readonly type: 'int64' | 'float32';
  readonly data: readonly number[];
  readonly dims: readonly number[];
}

/** What the page is asked: a model, a prompt, and for each answer what is said about pruning. */
export interface Question {
  readonly id: string;
  readonly device: 'wasm' | 'webgpu';
  readonly way: 'stock' | 'pruned' | 'withPruning';
  readonly options: PruningOptions;
  readonly inputs: Readonly<Record<string, PlainTensor>>;
  readonly pruning: readonly (PruningCall | undefined)[];
  readonly tokens: number;
}

export interface Answer {
  /** For each call. */
  readonly tokens: readonly (readonly number[])[];
  /** For each call what each prune kept. */
  readonly kept: readonly (readonly (readonly number[])[])[];
  /** What a run of the whole gives, and where it is. */
  readonly outputs: Readonly<Record<string, string>>;
}

async function open({ id, device, way, options }: Question): Promise<PreTrainedModel> {
  const load = { device, dtype: 'fp32' } as const;
  if (way === 'pruned') {
    return pruned(AutoModelForImageTextToText, options).from_pretrained(id, load);
  }
  const model = await AutoModelForImageTextToText.from_pretrained(id, load);
  return way === 'stock' ? model : withPruning(model, { from: id, ...options });
}

async function ask(question: Question): Promise<Answer> {
  const model = await open(question);
  const inputs = Object.fromEntries(
    Object.entries(question.inputs).map(([name, { type, data, dims }]) => [
      name,
      new Tensor(
        type,
        type === 'int64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data),
        [...dims],
      ),
    ]),
  );
  const before = inputs.input_ids?.dims[1] ?? 0;
  const tokens: number[][] = [];
  const kept: (readonly number[])[][] = [];
  for (const pruning of question.pruning) {
    const sequences = (await model.generate({
      ...inputs,
      max_new_tokens: question.tokens,
      do_sample: false,
      ...(pruning !== undefined && { pruning }),
    })) as Tensor;
    tokens.push((sequences.tolist() as bigint[][])[0]?.slice(before).map(Number) ?? []);
    const { last } = (model as Partial<PrunedModel<PreTrainedModel>>).pruning ?? {};
    kept.push(last?.[0]?.stages.map((stage) => stage.kept) ?? []);
  }
  const run: Record<string, Tensor> = await model.forward(inputs);
  const outputs = Object.fromEntries(
    Object.entries(run).map(([name, { location: place }]) => [name, place]),
  );
  await model.dispose();
  return { tokens, kept, outputs };
}

Object.assign(window, { ask });
