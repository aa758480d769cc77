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
}

/**
 * Accuracy against cost.
 *
 * @param costName what the cost is a share of, such as `prefill FLOPs`
 */
export function tradeOff(points: readonly TradeOffPoint[], costName: string): Figure {
  const percent = { tickFormat: (share: number) => `${Math.round(100 * share)} %` };
  const byCost = points.toSorted((a, b) => a.cost - b.cost);
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
      Plot.line(byCost, { x: 'cost', y: 'accuracy', stroke: 'family', z: 'family' }),
      Plot.ruleX(byCost, {
        x: 'cost',
        y1: 'low',
        y2: 'high',
        stroke: 'family',
        strokeOpacity: 0.5,
      }),
      Plot.dot(byCost, { x: 'cost', y: 'accuracy', fill: 'family', r: 4 }),
      Plot.text(byCost, {
        x: 'cost',
        y: 'accuracy',
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
    caption: 'Bars are 95 % confidence intervals over questions.',
    svg,
  };
}
