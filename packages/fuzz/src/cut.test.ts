import { createPlan } from '@transprune/core';
import { encodeModel, pruneModel } from '@transprune/onnx';
import { expect, test } from 'vitest';
import { readBase } from './bases.js';
import { difference } from './compare.js';
import { playCut } from './cut.js';
import { withImage } from './prompt.js';
import { playPruned } from './pruned.js';

const stages = [
  { afterLayer: 2, keepRatio: 0.5 },
  { afterLayer: 4, keepRatio: 0.25 },
];

test.each(['renumber', 'keep'] as const)(
  'is what is pruned, with positions %s',
  async (positions) => {
    const { model, externalData, streams } = readBase(0);
    const plan = createPlan({ stages, accumulateLayers: [2], positions });
    const bytes = encodeModel(pruneModel(model, plan, { trace: true }).model);
    const { logits, kept } = await playPruned(bytes, externalData, withImage);
    expect(logits.map(({ length }) => length)).toEqual(
      [14, 1, 1].map((n) => n * (logits[1]?.length ?? 0)),
    );
    const cuts = stages.map(({ afterLayer }) => streams[afterLayer - 1] ?? '');
    const differenceFrom = async (others: typeof kept) => {
      const cut = { weights: externalData, cuts, kept: others, positions };
      const play = (nudge: number) => playCut(model, withImage, { ...cut, nudge });
      return difference(logits, await play(0), play);
    };
    expect(await differenceFrom(kept)).toBeUndefined();

    // Another token in the place of one that was kept is seen.
    const [first = [], second = []] = kept;
    const dropped = withImage.imageMask.findIndex((mark, at) => mark === 1 && !first.includes(at));
    const image = first.findIndex((at) => withImage.imageMask[at] === 1 && !second.includes(at));
    const others = first.with(image, dropped).sort((a, b) => a - b);
    expect(await differenceFrom([others, second])).toMatch(/^logits of call 0 differ by/);
  },
);
