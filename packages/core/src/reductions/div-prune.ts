/**
 * DivPrune (arXiv 2503.02175): the tokens that lie farthest apart. The first is the one that is farthest from its
 * nearest neighbour; each further one is farthest from those that were chosen before.
 */
import { defineReduction } from './method.js';
import { largestOf } from './order.js';

export const divPrune = defineReduction({
  name: 'div-prune',
  summary: 'tokens whose features differ most from each other',
  source: 'arXiv 2503.02175',
  needs: ['features'],
  /** Distances, `[images, tokens, tokens]`: 1 - cosine. */
  measures(algebra, { features }) {
    const length = algebra.add(algebra.l2norm(features, [-1], true), algebra.constant(1e-8));
    const unit = algebra.divide(features, length);
    const cosines = algebra.matmul(unit, algebra.transpose(unit, [0, 2, 1]));
    return [algebra.subtract(algebra.constant(1), cosines)];
  },
  groups([distances], { tokens, kept }) {
    const distance = (a: number, b: number) => distances?.data[a * tokens + b] ?? 0;
    const all = Array.from({ length: tokens }, (_, token) => token);
    const toNearest = (token: number) =>
      all.reduce(
        (least, other) => (other === token ? least : Math.min(least, distance(token, other))),
        Number.POSITIVE_INFINITY,
      );
    const first = all.map(toNearest);
    const chosen = [largestOf(all, (token) => first[token] ?? 0)];
    const toChosen = new Array<number>(tokens).fill(Number.POSITIVE_INFINITY);
    while (chosen.length < kept) {
      const latest = chosen.at(-1) ?? 0;
      for (const token of all) {
        toChosen[token] = Math.min(toChosen[token] ?? 0, distance(latest, token));
      }
      // A token that was chosen is none any more, however near all others are.
      toChosen[latest] = Number.NEGATIVE_INFINITY;
      chosen.push(largestOf(all, (token) => toChosen[token] ?? 0));
    }
    return chosen.sort((a, b) => a - b).map((token) => [token]);
  },
});
