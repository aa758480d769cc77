/** What apps do with a model: several calls at once, a stream, a further turn. */
import { BaseStreamer, DynamicCache } from '@huggingface/transformers';
import type { HubModel } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { opener } from './describe.js';
import { generate, idsOf, inputsOf, promptsOf, ratiosFor } from './hub.js';

/** Tests of conversations with models. */
export function describeConversations(models: readonly HubModel[]): void {
  const open = opener();
  describe.each(models)('%s', (name) => {
    test('calls that overlap get what each gets alone', async () => {
      const { first, second, text } = await promptsOf(name);
      const model = await open(first);
      const calls = [
        { inputs: await inputsOf(first), pruning: undefined },
        { inputs: await inputsOf(second), pruning: { keepRatios: ratiosFor(name, [0.75, 0.5]) } },
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
