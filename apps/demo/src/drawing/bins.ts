/** Scores in bins, none of which holds both kept and dropped patches. */
import type { TraceStage } from '@transprune/trace';

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly isKept: boolean;
  readonly patches: readonly number[];
}

const wanted = 44;

/** Bins of one width from the least score to the largest; an edge lies between kept and dropped. */
export function scoreBins({ candidates, scores, kept }: TraceStage): Bin[] {
  if (scores.length === 0) return [];
  const keptPatches = new Set(kept);
  const least = Math.min(...scores);
  const largest = Math.max(...scores);
  const keptScores = scores.filter((_, at) => keptPatches.has(candidates[at] ?? -1));
  const edge = keptScores.length > 0 ? Math.min(...keptScores) : largest;
  const width = Math.max((largest - least) / wanted, 1e-12);
  // Dropped patches have a bin, also where all scores are the same.
  const fewest = keptScores.length < scores.length ? 1 : 0;
  const before = Math.max(fewest, Math.ceil((edge - least) / width));
  const after = Math.max(1, Math.ceil((largest - edge) / width + 1e-9));
  const patches: number[][] = Array.from({ length: before + after }, () => []);
  scores.forEach((score, at) => {
    const patch = candidates[at] ?? 0;
    const isKept = keptPatches.has(patch);
    const bin = before + Math.floor((score - edge) / width);
    const own = isKept ? Math.max(bin, before) : Math.min(bin, before - 1);
    patches[Math.min(Math.max(own, 0), before + after - 1)]?.push(patch);
  });
  return patches.map((own, at) => ({
    from: edge + (at - before) * width,
    to: edge + (at - before + 1) * width,
    isKept: at >= before,
    patches: own,
  }));
}
