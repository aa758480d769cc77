/** Where decoders are pruned in which not every layer may follow a prune. */
import { type PreTrainedModel, Tensor } from '@huggingface/transformers';
import { type HubModel, hubFolder } from '@transprune/fixtures';
import { pruned } from '@transprune/transformers';
import { expect, test } from 'vitest';
import { useOwnCache } from '../testing/cache.js';
import { Class, casesWith, inputsOf, loadOptions, plan, planFor } from '../testing/hub.js';

useOwnCache();

const load = loadOptions({ format: {} });

async function pruningOf(name: HubModel) {
  const model = await pruned(Class).from_pretrained(hubFolder(name), load);
  const { stages } = model.pruning.plan;
  await model.dispose();
  return { depths: stages.map(({ afterLayer }) => afterLayer), moved: model.pruning.moved };
}

test('prunes of a preset move to the nearest depth that there is, and the model says so', async () => {
  expect(await pruningOf('gemma4')).toEqual({
    depths: [2, 3, 4],
    moved: [],
  });
  expect(await pruningOf('lfm2_vl')).toEqual({
    depths: [4, 6],
    moved: [
      { from: 2, to: 4 },
      { from: 3, to: 4 },
      { from: 4, to: 6 },
    ],
  });
  expect(await pruningOf('qwen3_5')).toEqual({
    depths: [7],
    moved: [
      { from: 2, to: 7 },
      { from: 3, to: 7 },
      { from: 4, to: 7 },
    ],
  });
});

test("a plan of one's own is refused where the decoder cannot be pruned", async () => {
  const loading = (name: HubModel, afterLayer: number) => {
    const stages = [{ afterLayer, keepRatio: 0.5 }];
    return pruned(Class, { plan: { ...plan, stages } }).from_pretrained(hubFolder(name), load);
  };
  await expect(loading('gemma4', 6)).rejects.toThrow(/after layers 1, 2, 3, 4 .*layer 7 borrows/);
  await expect(loading('qwen3_5', 5)).rejects.toThrow(/after layers 3, 7 .*no attention/);
  await expect(loading('qwen3_5', 3)).rejects.toThrow(
    /after layer 4 or deeper, as transformers.js/,
  );
});

test('logits are those of the tokens that are left, or of as many as are asked for', async () => {
  const [each] = casesWith('gemma4', 1);
  if (!each) throw new Error('expected a prompt');
  const inputs = await inputsOf(each);
  const folder = hubFolder('gemma4');
  const stock = await Class.from_pretrained(folder, load);
  const model = await pruned(Class, { plan: planFor('gemma4') }).from_pretrained(folder, load);
  const logitsOf = async (from: PreTrainedModel, others = {}): Promise<Tensor> =>
    (await from.forward({ ...inputs, ...others })).logits;
  const all = each.inputIds.length;
  const [, stage] = planFor('gemma4').stages;
  expect((await logitsOf(stock)).dims[1]).toBe(all);
  expect((await logitsOf(model, { pruning: false })).tolist()).toEqual(
    (await logitsOf(stock)).tolist(),
  );
  const whole = await logitsOf(model);
  const dropped = 56 * (1 - (stage?.keepRatio ?? 1));
  expect(whole.dims[1]).toBe(all - dropped);
  const one = { num_logits_to_keep: new Tensor('int64', [1n], []) };
  const last = await logitsOf(model, one);
  expect(last.dims[1]).toBe(1);
  expect(last.tolist()[0]).toEqual(whole.tolist()[0].slice(-1));
  await stock.dispose();
  await model.dispose();
});
