/** Several prompts in one call. */
import { cat, type Tensor } from '@huggingface/transformers';
import type { HubModel } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { opener, stock } from './describe.js';
import { casesWith, generate, type Inputs, idsOf, inputsOf, promptsOf, ratiosFor } from './hub.js';

/** Models whose `GroupQueryAttention` takes padding in front for tokens; pruning makes it look at the mask. */
const readsPadding: readonly HubModel[] = ['gemma4', 'qwen3_vl'];

/** Tests of several prompts in one call. */
export function describeBatches(models: readonly HubModel[]): void {
  const open = opener();
  const openStock = stock();
  describe.each(models)('%s', (name) => {
    test('several prompts of one length get what each gets alone', async () => {
      const { first } = await promptsOf(name);
      const model = await open(first);
      const same = casesWith(name, 1).filter(
        ({ inputIds }) => inputIds.length === first.inputIds.length,
      );
      const inputs = await Promise.all(same.slice(0, 2).map(inputsOf));
      const batch = joined(inputs);
      const other = { keepRatios: ratiosFor(name, [0.5, 0.125]) };
      for (const pruning of [undefined, false, other] as const) {
        const alone: number[][] = [];
        for (const each of inputs) alone.push(...(await generate(model, each, { pruning })).rows);
        const { rows } = await generate(model, batch, { pruning });
        expect(rows).toEqual(alone);
        if (pruning !== false) expect(model.pruning.last?.length).toBe(2);
      }
      const { rows } = await generate(await openStock(first), batch);
      expect((await generate(model, batch, { pruning: false })).rows).toEqual(rows);
    });

    test('of padded prompts the longest gets what it gets alone, the others begin so', async () => {
      const { first, text } = await promptsOf(name);
      const model = await open(first);
      const { input_ids: _, attention_mask: __, ...pixels } = await inputsOf(first);
      const batch = { ...pixels, ...idsOf([first.inputIds, text.inputIds]) };
      const [alone] = (await generate(model, await inputsOf(text))).rows;
      for (const pruning of [undefined, false] as const) {
        const [longest] = (await generate(model, await inputsOf(first), { pruning })).rows;
        const { rows } = await generate(model, batch, { pruning });
        expect(rows[0]).toEqual(longest);
        // From the second token on the library takes padding for tokens.
        expect(rows[1]?.[0]).toBe(alone?.[0]);
      }
      const { rows } = await generate(await openStock(first), batch);
      if (readsPadding.includes(name)) {
        expect(rows[1]?.[0]).not.toBe(alone?.[0]);
      } else {
        expect((await generate(model, batch, { pruning: false })).rows).toEqual(rows);
      }
    });
  });
}

/** Tests of models that take one prompt at a time. */
export function describeSingles(models: readonly HubModel[]): void {
  const open = opener();
  test.each(models)('%s refuses several prompts', async (name) => {
    const { first } = await promptsOf(name);
    const inputs = await inputsOf(first);
    const model = await open(first);
    const twice = generate(model, joined([inputs, inputs]));
    await expect(twice).rejects.toThrow(/one prompt at a time.*got 2/);
  });
}

/** Prompts of one length as the rows of one call. */
function joined(inputs: readonly Inputs[]): Inputs {
  const [first = {}] = inputs;
  return Object.fromEntries(
    Object.keys(first).map((name) => [
      name,
      cat(
        inputs.map((each) => each[name] as Tensor),
        0,
      ),
    ]),
  );
}
