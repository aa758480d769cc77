/** What apps do with a model: several calls at once, several prompts, a stream, a further turn. */
import { BaseStreamer, cat, DynamicCache, type Tensor } from '@huggingface/transformers';
import { describe, expect, test } from 'vitest';
import { opener, type Prunable, stock } from './describe.js';
import { casesWith, generate, type Inputs, idsOf, inputsOf } from './hub.js';

/** Prompts with an image of each, and one without any. */
async function promptsOf(name: Prunable) {
  const cases = casesWith(name, 1);
  const byPrompt = [
    ...new Map(cases.map((each) => [`${each.images} ${each.prompt}`, each])).values(),
  ];
  const [first, second] = byPrompt;
  const [text] = casesWith(name, 0);
  if (!first || !second || !text) throw new Error('expected two prompts with an image, and a text');
  return { first, second, text };
}

/** Tests of conversations with models. */
export function describeConversations(models: readonly Prunable[]): void {
  const open = opener();
  const openStock = stock();
  describe.each(models)('%s', (name) => {
    test('calls that overlap get what each gets alone', async () => {
      const { first, second, text } = await promptsOf(name);
      const model = await open(first);
      const calls = [
        { inputs: await inputsOf(first), pruning: undefined },
        { inputs: await inputsOf(second), pruning: { keepRatios: [0.75, 0.5] } },
        { inputs: await inputsOf(first), pruning: false as const },
        { inputs: await inputsOf(text), pruning: undefined },
      ];
      const alone: number[][][] = [];
      for (const { inputs, pruning } of calls) {
        alone.push((await generate(model, inputs, { pruning })).rows);
      }
      const together = await Promise.all(
        calls.map(({ inputs, pruning }) => generate(model, inputs, { pruning })),
      );
      expect(together.map(({ rows }) => rows)).toEqual(alone);
      expect(alone[0]).not.toEqual(alone[2]);
    });

    test('several prompts of one length get what each gets alone', async () => {
      const { first } = await promptsOf(name);
      const model = await open(first);
      const same = casesWith(name, 1).filter(
        ({ inputIds }) => inputIds.length === first.inputIds.length,
      );
      const inputs = await Promise.all(same.slice(0, 2).map(inputsOf));
      const batch = joined(inputs);
      for (const pruning of [undefined, false, { keepRatios: [0.5, 0.125] }] as const) {
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
    });

    test('a stream gives the answer token by token', async () => {
      const { first } = await promptsOf(name);
      const model = await open(first);
      const inputs = await inputsOf(first);
      const streamed: number[] = [];
      const streamer = new (class extends BaseStreamer {
        override put(rows: bigint[][]) {
          if (rows[0]?.length === 1) streamed.push(Number(rows[0][0]));
        }
        override end() {}
      })();
      const { rows } = await generate(model, inputs, { others: { streamer } });
      expect(streamed).toEqual(rows[0]);
    });

    test('a further turn on a cache goes on as if there were no turns', async () => {
      const { first } = await promptsOf(name);
      const model = await open(first);
      const inputs = await inputsOf(first);
      const { pixel_values: _, ...rest } = inputs;
      // With an empty cache, or several new tokens, the library's Qwen classes ask for pixels that they left out.
      const isQwen = name.startsWith('qwen');
      const added = isQwen ? 5 : 7;
      for (const pruning of [undefined, false] as const) {
        const [whole = []] = (await generate(model, inputs, { pruning })).rows;
        const given = isQwen ? {} : { past_key_values: new DynamicCache() };
        const { rows, cache } = await generate(model, inputs, {
          tokens: 5,
          pruning,
          others: given,
        });
        expect(rows[0]).toEqual(whole.slice(0, 5));
        const next = idsOf([[...first.inputIds, ...whole.slice(0, added)]]);
        const turn = await generate(
          model,
          { ...rest, ...next },
          { tokens: 12 - added, pruning, others: { past_key_values: cache } },
        );
        expect(turn.rows[0]).toEqual(whole.slice(added));
      }
    });
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
