/** `config.pbtxt`: what Triton Inference Server has to know of a graph, in Protocol Buffers' text format. */
import type { ElementType, ValueInfo } from '@transprune/session';
import type { Interface } from './record.js';

const dataTypes: Readonly<Record<ElementType, string>> = {
  float32: 'TYPE_FP32',
  float16: 'TYPE_FP16',
  int64: 'TYPE_INT64',
  int32: 'TYPE_INT32',
  bool: 'TYPE_BOOL',
};

/**
 * The configuration of a graph. `max_batch_size` is 0: the batch is a dimension like any other, for not all tensors
 * of a decoder have it first.
 *
 * @param name of the model, which is that of its folder
 * @param ports the graph's, as ONNX Runtime reads it, which is what Triton compares with
 */
export function tritonConfig(name: string, { inputs, outputs }: Interface): string {
  return [
    `name: ${quoted(name)}`,
    'backend: "onnxruntime"',
    'default_model_filename: "model.onnx"',
    'max_batch_size: 0',
    tensors('input', inputs),
    tensors('output', outputs),
    '',
  ].join('\n');
}

function tensors(field: 'input' | 'output', values: readonly ValueInfo[]): string {
  return `${field} [\n${values.map(tensor).join(',\n')}\n]`;
}

/** A dimension that may vary is -1, and may be 0 in a request: caches are empty at the start. */
function tensor({ name, type, shape }: ValueInfo): string {
  const dims = shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1));
  // Triton has no dims of length 0 but through a reshape.
  const shown =
    dims.length === 0
      ? ['dims: [ 1 ]', 'reshape: { shape: [ ] }']
      : [`dims: [ ${dims.join(', ')} ]`];
  const fields = [`name: ${quoted(name)}`, `data_type: ${dataTypes[type]}`, ...shown];
  return `  {\n${fields.map((field) => `    ${field}\n`).join('')}  }`;
}

const quoted = (text: string) => JSON.stringify(text);
