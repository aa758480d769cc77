import * as Plot from '@observablehq/plot';
import type { Trace } from '@transprune/trace';
import { colors, draw, type Figure } from './figure.js';

/** How the scores of each prune are spread, what is kept apart from what is dropped. */
export function scoreHistograms({ stages }: Trace): Figure {
  const patches = stages.flatMap(({ afterLayer, candidates, kept, scores }) => {
    const left = new Set(kept);
    return candidates.map((at, row) => ({
      stage: `after layer ${afterLayer}`,
      score: scores[row],
      fate: left.has(at) ? 'kept' : 'dropped',
    }));
  });
  const bars: Plot.BinXInputs<Plot.RectYOptions> = {
    x: 'score',
    fill: 'fate',
    fy: 'stage',
    thresholds: 32,
  };
  const svg = draw({
    width: 560,
    height: 60 + 120 * stages.length,
    marginLeft: 48,
    marginRight: 110,
    x: { label: 'score' },
    y: { label: 'patches', grid: true },
    fy: { label: null, domain: stages.map(({ afterLayer }) => `after layer ${afterLayer}`) },
    color: { domain: ['kept', 'dropped'], range: [colors.kept, colors.dropped] },
    marks: [Plot.rectY(patches, Plot.binX({ y: 'count' }, bars)), Plot.ruleY([0])],
  });
  return {
    name: 'scores',
    title: 'Scores',
    caption:
      'How many patches have which score, at each prune. Green ones stay, grey ones are dropped.',
    svg,
  };
}
