/**
 * Attention of the prompt's last token, the mean over heads: the score of FastV (arXiv 2403.06764), which prunes once
 * in an early layer, and of PyramidDrop (arXiv 2410.17247), which prunes in several. The two differ in their schedule.
 * Both names read the layer after a prune; FastV's own code reads the one before, whose attention has run.
 */
import { defineMethod } from './method.js';

const byLastToken = (name: string, source: string) =>
  defineMethod({
    name,
    summary: 'attention of the last token',
    source,
    needs: ['instructionAttention'],
    asks: 'last-token',
    score: (algebra, { instructionAttention }, imageMask) =>
      algebra.multiply(instructionAttention, imageMask),
  });

export const fastv = byLastToken('fastv', 'arXiv 2403.06764');
export const pyramidDrop = byLastToken('pyramid-drop', 'arXiv 2410.17247');
