/**
 * What a decoder is fed: the rank, the element type and the sizes of each input that pruning has to stand in
 * for after a prune. A mask, or positions, of another shape would be read as something that they are not.
 */
import { ports } from '@transprune/core';
import { elementType, type GraphIndex, valueShape } from '../graph/graph.js';
import { TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb.js';
import type { DecoderInputs, LayerCacheNames } from './decoder.js';
import { refuse } from './refuse.js';

const { BOOL, FLOAT, FLOAT16, INT32, INT64, INT8, UINT8 } = TensorProto_DataType;

/** Rows that `position_ids` may have: one, or time, height and width, with or without a row for text. */
const positionRows: readonly (number | string | undefined)[] = [3, 4];

/**
 * Finds the inputs that every decoder has.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for one that is missing or of another shape or type
 */
export function readInputs(graph: GraphIndex): DecoderInputs {
  const embeddings = inputCalled(
    graph,
    ports.embeddings,
    ' (a decoder that takes input_ids cannot tell image tokens)',
  );
  const mask = inputCalled(graph, ports.attentionMask);
  if (!graph.graph.output.some(({ name }) => name === ports.logits)) {
    refuse({ where: 'outputs', expected: `an output ${ports.logits}`, found: 'none' });
  }
  checkType(embeddings, [FLOAT, FLOAT16], 'float32 or float16');
  checkRank(embeddings, '[batch, tokens, hidden]', (sizes) => sizes.length === 3);
  checkSizes(embeddings, 0, 1);
  checkRank(
    mask,
    '[batch, past + tokens], one number for each token',
    ({ length }) => length === 2,
  );
  checkType(mask, [INT64, INT32, BOOL, INT8, UINT8], 'whole numbers, 1 at tokens and 0 at padding');
  checkSizes(mask, 0, 1);
  const positions = graph.input.get(ports.positionIds);
  if (positions) checkPositions(positions);
  return {
    embeddings: ports.embeddings,
    attentionMask: ports.attentionMask,
    ...(positions && { positionIds: ports.positionIds }),
  };
}

/**
 * Checks that caches are of any length.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a cache of a fixed length
 */
export function checkCaches(graph: GraphIndex, caches: readonly LayerCacheNames[]): void {
  for (const { pastKey = '', pastValue = '' } of caches) {
    for (const name of [pastKey, pastValue]) {
      const info = graph.input.get(name);
      if (info) checkSizes(info, 0, 2);
    }
  }
}

function inputCalled(graph: GraphIndex, name: string, remedy = ''): ValueInfoProto {
  const info = graph.input.get(name);
  if (info) return info;
  const found = [...graph.input.keys()].slice(0, 6).join(', ') || 'none';
  return refuse({ where: 'inputs', expected: `an input ${name}${remedy}`, found });
}

function checkPositions(positions: ValueInfoProto): void {
  const expected =
    '[batch, tokens], or [3, batch, tokens] or [4, batch, tokens], the rows of M-RoPE in front';
  checkRank(
    positions,
    expected,
    (sizes) => sizes.length === 2 || (sizes.length === 3 && positionRows.includes(sizes[0])),
  );
  checkType(positions, [INT64, INT32], 'int64 or int32');
  const axis = valueShape(positions).length - 2;
  checkSizes(positions, axis, axis + 1);
}

function checkRank(
  info: ValueInfoProto,
  expected: string,
  holds: (sizes: readonly (number | string | undefined)[]) => boolean,
): void {
  const sizes = valueShape(info);
  if (holds(sizes)) return;
  const found = sizes.length > 0 ? `[${sizes.map((size) => size ?? '?').join(', ')}]` : 'no shape';
  refuse({ where: info.name, expected, found });
}

function checkType(info: ValueInfoProto, types: readonly number[], expected: string): void {
  const type = elementType(info);
  if (type !== undefined && types.includes(type)) return;
  refuse({ where: info.name, expected, found: `element type ${type} of ONNX` });
}

/** Rows may be fixed to one; tokens may not be fixed: fewer are left after a prune. */
function checkSizes(info: ValueInfoProto, rowAxis: number, tokenAxis: number): void {
  const sizes = valueShape(info);
  const [rows, tokens] = [sizes[rowAxis], sizes[tokenAxis]];
  const where = info.name;
  if (typeof tokens === 'number') {
    refuse({
      where,
      expected: 'any number of tokens (export with dynamic axes or dynamic shapes)',
      found: `a fixed number of tokens (${tokens})`,
    });
  }
  if (typeof rows === 'number' && rows !== 1) {
    refuse({ where, expected: 'any batch size, or 1', found: `a fixed batch size of ${rows}` });
  }
}
