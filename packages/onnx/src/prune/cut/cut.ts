/**
 * Cut: the rows that stay are gathered from everything that crosses a prune, and the layers after
 * it read the gathered values.
 */
import type { DecoderLayer } from '../../decoder/decoder.js';
import type { WorkingGraph } from '../working-graph.js';

/**
 * Gathers and rewires. Where the score uses the next layer's projections, they are made once, on all
 * tokens, and their rows are gathered; otherwise the rows of the norm's output are gathered, and only
 * what stays is projected.
 *
 * @param next the layer after the prune
 * @param gather takes the rows that stay from a value `[batch, tokens, ...]`
 * @returns for each value that crosses, the value that holds its gathered rows
 */
export function cut(
  graph: WorkingGraph,
  next: DecoderLayer,
  projectionsAreScored: boolean,
  gather: (value: string) => string,
): ReadonlyMap<string, string> {
  const { projections, input } = next.attention;
  const crossing = projectionsAreScored ? projections : [input];
  const gathered = new Map([next.streamIn, ...crossing].map((value) => [value, gather(value)]));
  for (const node of graph.nodes) {
    node.input = node.input.map((name) => {
      const rows = crossing.includes(name) ? gathered.get(name) : undefined;
      return rows ?? name;
    });
  }
  const join = graph.copyOf(next.middleJoin);
  join.input = join.input.map((name) =>
    name === next.streamIn ? (gathered.get(name) ?? name) : name,
  );
  return gathered;
}
