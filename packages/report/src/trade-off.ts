import * as Plot from '@observablehq/plot';
import { draw, type Figure } from './figure.js';

/** One way to answer, and how well it did at what cost. */
export interface TradeOffPoint {
  readonly name: string;
  /** Points of one family are joined by a line, such as a method at several budgets. */
  readonly family: string;
  /** Share of the unpruned cost, 0 to 1. */
  readonly cost: number;
  /** Share of right answers, 0 to 1, with the ends of its confidence interval. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  /** Joined by a dashed line: no other is cheaper and as right. */
  readonly isOnFront?: boolean;
  /** Marked by a ring. */
  readonly isChosen?: boolean;
}

/**
 * Accuracy against cost.
 *
 * @param costName what the cost is a share of, such as `prefill FLOPs`
 */
export function tradeOff(points: readonly TradeOffPoint[], costName: string): Figure {
  const percent = { tickFormat: (share: number) => `${Math.round(100 * share)} %` };
  const byCost = points.toSorted((a, b) => a.cost - b.cost);
  const front = byCost.filter(({ isOnFront }) => isOnFront);
  const svg = draw({
    width: 720,
    height: 420,
    marginLeft: 56,
    marginRight: 140,
    inset: 16,
    x: { label: `${costName}, of the unpruned`, grid: true, ...percent },
    y: { label: 'right answers', grid: true, ...percent },
    color: { scheme: 'observable10' },
    marks: [
      Plot.line(front, { x: 'cost', y: 'accuracy', strokeDasharray: '4 3', strokeOpacity: 0.6 }),
      Plot.line(byCost, { x: 'cost', y: 'accuracy', stroke: 'family', z: 'family' }),
      Plot.ruleX(byCost, {
        x: 'cost',
        y1: 'low',
        y2: 'high',
        stroke: 'family',
        strokeOpacity: 0.5,
      }),
      Plot.dot(byCost, { x: 'cost', y: 'accuracy', fill: 'family', r: 4 }),
      Plot.dot(
        byCost.filter(({ isChosen }) => isChosen),
        { x: 'cost', y: 'accuracy', stroke: 'black', r: 8 },
      ),
      Plot.text(apart(points), {
        x: 'cost',
        y: 'labelAt',
        text: 'name',
        fill: 'family',
        textAnchor: 'start',
        dx: 8,
      }),
    ],
  });
  return {
    name: 'trade-off',
    title: `Accuracy against ${costName}`,
    caption: [
      'Bars are 95 % confidence intervals over questions.',
      ...(front.length > 0 ? ['Dashed: no other is cheaper and as right.'] : []),
      ...(points.some(({ isChosen }) => isChosen) ? ['Ringed: recommended.'] : []),
    ].join(' '),
    svg,
  };
}

/** Least distance between names, as a share of what the points span. */
const leastGap = 1 / 24;

/** Points with a name and where it stands: beside the point, or lower where another name is. */
function apart(points: readonly TradeOffPoint[]): (TradeOffPoint & { readonly labelAt: number })[] {
  const ends = points.flatMap(({ low, high }) => [low, high]);
  const gap = (Math.max(...ends) - Math.min(...ends)) * leastGap;
  let previous = Number.POSITIVE_INFINITY;
  return points
    .filter(({ name }) => name !== '')
    .toSorted((a, b) => b.accuracy - a.accuracy)
    .map((point) => {
      previous = Math.min(point.accuracy, previous - gap);
      return { ...point, labelAt: previous };
    });
}
