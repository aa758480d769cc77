import { type HostTensor, numbersOf, type SessionTensor, takeElements } from '@transprune/session';

/**
 * Logits of each row's last token; the tensor is freed.
 *
 * @param tensor `[rows, tokens, vocabulary]`
 */
export async function logitsOfLastTokens(tensor: SessionTensor): Promise<Float32Array[]> {
  const { type, dims, data } = await takeElements(tensor);
  const [rows = 0, tokens = 0, vocabulary = 0] = dims;
  return Array.from({ length: rows }, (_, row) => {
    const end = (row + 1) * tokens * vocabulary;
    const last = data.subarray(end - vocabulary, end);
    if (last instanceof Float32Array) return last.slice();
    const lastToken = { type, dims: [vocabulary], data: last } as HostTensor;
    return Float32Array.from(numbersOf(lastToken).data);
  });
}
