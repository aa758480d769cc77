/**
 * Cut: the rows that stay are gathered from everything that crosses a prune, and the layers behind
 * read the gathered values.
 */
import type { DecoderLayer } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import type { NodeProto } from '../proto/onnx_pb.js';

/** A value that crosses the prune, and the node that has to read its gathered rows from now on. */
interface Crossing {
  readonly value: string;
  readonly reader: NodeProto;
}

/**
 * What crosses the prune in front of a layer. Where the score uses the layer's projections, they are
 * made once, on all tokens, and their rows are gathered; otherwise the rows of the norm's output are
 * gathered, and only what stays is projected.
 */
export function crossings(
  next: DecoderLayer,
  projectionsAreScored: boolean,
  readersOf: (value: string) => readonly NodeProto[],
): Crossing[] {
  const { projections, node, input } = next.attention;
  const stream: Crossing = { value: next.streamIn, reader: next.middleJoin };
  if (!projectionsAreScored) {
    return [stream, ...readersOf(input).map((reader) => ({ value: input, reader }))];
  }
  const values =
    projections.kind === 'packed'
      ? [projections.value]
      : [projections.query, projections.key, projections.value];
  return [stream, ...values.map((value) => ({ value, reader: node }))];
}

/**
 * Gathers and rewires.
 *
 * @param indices int64 `[kept]`, ascending
 * @param redirect makes a node read another value in place of one
 * @returns for each value that crosses, the value that holds its gathered rows
 */
export function emitCut(
  emitter: Emitter,
  crossing: readonly Crossing[],
  indices: string,
  redirect: (reader: NodeProto, from: string, to: string) => void,
): ReadonlyMap<string, string> {
  const gathered = new Map<string, string>();
  for (const { value, reader } of crossing) {
    const known = gathered.get(value);
    const rows = known ?? emitter.emit('Gather', [value, indices], { attributes: { axis: 1 } });
    gathered.set(value, rows);
    redirect(reader, value, rows);
  }
  return gathered;
}
