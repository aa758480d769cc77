import { createPlan } from '@transprune/core';
import { encodeModel, pruneModel } from '@transprune/onnx';
import { expect, test } from 'vitest';
import { baseCount, baseName, readBase } from './bases.js';
import { difference } from './compare.js';
import { playCut } from './cut.js';
import { withImage } from './prompt.js';
import { playPruned } from './pruned.js';
import { runUnchanged } from './seed.js';

const stages = [
  { afterLayer: 2, keepRatio: 0.5 },
  { afterLayer: 4, keepRatio: 0.25 },
];

test.each(['renumber', 'keep'] as const)(
  'is what is pruned, with positions %s',
  async (positions) => {
    const { model, externalData, streams } = readBase(2);
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

const families = Array.from({ length: baseCount }, (_, index) => index).filter((index) =>
  /hybrid|deepstack|gemma3n\/dynamo-23|gemma4|lfm2_vl|qwen3_5|experts/.test(baseName(index)),
);

test.each(families.map((index) => [baseName(index), index] as const))(
  'knows where tokens lie in %s',
  async (_, index) => {
    const { verdict, reason } = await runUnchanged(index, 2);
    expect([verdict, reason]).toEqual(['right', '']);
  },
);
