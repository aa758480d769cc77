/** Which of a graph's files to take. */
import { type FormatChoice, type GraphName, graphPath, type NumberFormat } from '../../files.js';

/** A format for every graph that was asked for. */
export type ChosenFormats = Readonly<Partial<Record<GraphName, NumberFormat>>>;

/** Nearest to the original first; of the rest what most exports of decoders are made in. */
const preferredFormats: readonly NumberFormat[] = [
  ...(['fp32', 'fp16', 'q4', 'q4f16'] as const),
  ...(['q8', 'int8', 'uint8', 'bnb4'] as const),
];

/** A graph that there is in none of the formats that would do. */
export class NoFormat extends Error {
  readonly graph: GraphName;
  readonly tried: readonly string[];

  constructor(graph: GraphName, tried: readonly string[]) {
    super(`no ${graph}`);
    this.name = 'NoFormat';
    this.graph = graph;
    this.tried = tried;
  }
}

/**
 * Chooses a file for each graph. A format that is given by itself is the decoder's, and the others' where
 * they have it; one that is given for a graph is that graph's. The rest is chosen by preference.
 *
 * @param graphs those that are asked for
 * @param has tells whether there is a file, by its path in the repository
 * @throws NoFormat
 */
export async function chooseFormats(
  graphs: readonly GraphName[],
  format: FormatChoice | undefined,
  has: (path: string) => Promise<boolean> | boolean,
): Promise<ChosenFormats> {
  const chosen: Partial<Record<GraphName, NumberFormat>> = {};
  // What is asked for is the decoder's; so it is the first to be missed.
  for (const graph of [...graphs].reverse()) {
    const formats = candidates(graph, format);
    for (const candidate of formats) {
      if (!(await has(graphPath(graph, candidate)))) continue;
      chosen[graph] = candidate;
      break;
    }
    if (chosen[graph] === undefined) {
      throw new NoFormat(
        graph,
        formats.map((candidate) => graphPath(graph, candidate)),
      );
    }
  }
  return chosen;
}

function candidates(graph: GraphName, format: FormatChoice | undefined): readonly NumberFormat[] {
  if (typeof format === 'object') {
    const own = format[graph];
    return own === undefined ? preferredFormats : [own];
  }
  if (format === undefined) return preferredFormats;
  if (graph === 'decoder_model_merged') return [format];
  return [format, ...preferredFormats.filter((other) => other !== format)];
}
