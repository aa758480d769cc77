/** Kept positions: angles of the tokens that stay are taken from those of all tokens. */
import type { AngleRead, Decoder } from '../../decoder/decoder.js';
import { type PositionAxes, positionAxes } from '../../decoder/position-axis.js';
import { refuse } from '../../decoder/refuse.js';
import type { Tokens } from '../../decoder/token-types.js';
import type { WorkingGraph } from '../working-graph.js';
import type { CutStage } from './rebase.js';

/**
 * Gives the angles of a stage: those of the tokens that stay, or the table that positions are looked up in.
 *
 * @param depth prunes before the layer that reads
 * @throws TransPruneError UNSUPPORTED_MODEL, from what it returns, for angles that are not each token's own
 */
export type KeptAngle = (
  depth: number,
  name: string,
  axis: Exclude<AngleRead['axis'], 'places'>,
) => string;

export function keptAngles(
  graph: WorkingGraph,
  { graph: source, inputs }: Decoder,
  stages: readonly CutStage[],
): KeptAngle {
  let known: PositionAxes | undefined;
  const follow = () => {
    const names = [...graph.angles.values()].flatMap((read) => [...read.keys()]);
    return positionAxes(source, inputs, names);
  };
  return (depth, name, axis) => {
    const stage = stages[depth - 1];
    if (!stage) return name;
    known ??= follow();
    const axes = known;
    const where = `after the prune after layer ${stage.afterLayer}`;
    if (axis === 'table') {
      axes.checkTable(name, where);
      return name;
    }
    // Positions that the passes made themselves, [batch, tokens].
    const isAdded = !source.producer.has(name) && !source.input.has(name);
    const tokens = isAdded ? undefined : axes.angle(name, axis, where);
    if (tokens && stage.mask !== undefined) checkRows(tokens, name, where);
    return keptRows(stages.slice(0, depth), name, tokens?.axis ?? 1);
  };
}

/** The rows that stay of a value, stage by stage. */
export function keptRows(stages: readonly CutStage[], name: string, axis: number): string {
  return stages.reduce((rows, stage) => stage.gather(rows, axis), name);
}

/** Checks that each row of a batch can gather its own: `[batch, tokens, ...]`, `[batch, 1, tokens, ...]` or `[batch * tokens, ...]`. */
function checkRows({ dims, axis }: Tokens, name: string, where: string): void {
  const [rows, heads] = dims;
  const isOfRows = axis === 0 ? !dims.includes('batch') : rows === 1 || typeof rows !== 'number';
  if (isOfRows && (axis < 2 || (axis === 2 && heads === 1))) return;
  refuse({
    where,
    expected:
      'angles [batch, tokens, ...] or [batch, 1, tokens, ...], for a batch of rows (--batch)',
    found: `[${dims.map((size) => size ?? '?').join(', ')}] in ${name}`,
  });
}
