/** Several prompts in one call. */
import { cat, type Tensor } from '@huggingface/transformers';
import type { HubCase, HubModel } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { opener, stock } from './describe.js';
import { casesWith, generate, type Inputs, idsOf, inputsOf, promptsOf, ratiosFor } from './hub.js';

/** Models whose `GroupQueryAttention` or states take padding in front for tokens; pruning tells them of the mask. */
const readsPadding: readonly HubModel[] = ['gemma4', 'lfm2_vl', 'qwen3_5', 'qwen3_vl'];

/** Tests of several prompts in one call. */
export function describeBatches(models: readonly HubModel[]): void {
  const open = opener();
  const openStock = stock();
  describe.each(models)('%s', (name) => {
    test('several prompts of one length get what each gets alone', async () => {
      const { first, second } = await promptsOf(name);
      const model = await open(first);
      const [same = lengthened(second, first.inputIds.length)] = casesWith(name, 1).filter(
        (each) => each !== first && each.inputIds.length === first.inputIds.length,
      );
      const inputs = await Promise.all([first, same].map(inputsOf));
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

/** A prompt with more text at its end. */
function lengthened(each: HubCase, length: number): HubCase {
  const { inputIds } = each;
  const more = inputIds.slice(-4).flatMap((id) => new Array<number>(length).fill(id));
  return { ...each, inputIds: [...inputIds, ...more].slice(0, length) };
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
