/** A server that speaks OpenAI's chat completions. */
import { readFile } from 'node:fs/promises';
import { TransPruneError } from '@transprune/core';
import OpenAI from 'openai';
import type { Picture } from '../benchmark.js';
import { mediaTypeOf } from '../reading/media-type.js';
import type { Answerer } from './answerer.js';

export interface OpenAiOptions {
  /** Such as `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  /** Left out for servers that need none. */
  readonly apiKey?: string | undefined;
  /** Tokens of an answer at most; 128 if left out. */
  readonly maxTokens?: number | undefined;
}

/** Asks a server, always for the likeliest answer. */
export function openAiAnswerer({
  baseUrl,
  model,
  apiKey = 'none',
  maxTokens = 128,
}: OpenAiOptions): Answerer {
  const client = new OpenAI({ baseURL: baseUrl, apiKey });
  return {
    name: model,
    async answer({ prompt, picture }, signal) {
      const url = picture && (await dataUrl(picture));
      const completion = await client.chat.completions.create(
        {
          model,
          temperature: 0,
          max_completion_tokens: maxTokens,
          messages: [
            {
              role: 'user',
              content: [
                ...(url === undefined ? [] : [{ type: 'image_url' as const, image_url: { url } }]),
                { type: 'text', text: prompt },
              ],
            },
          ],
        },
        { signal },
      );
      const [choice] = completion.choices;
      const text = choice?.message.content;
      // A model that thinks may not come to its answer within so many tokens.
      if (typeof text !== 'string') {
        throw new TransPruneError(
          'RUN_FAILED',
          `expected a text from ${model}, got none (finish_reason ${choice?.finish_reason}); allow a longer answer`,
        );
      }
      return { text, metadata: { usage: completion.usage } };
    },
  };
}

async function dataUrl(picture: Picture): Promise<string> {
  const bytes = 'bytes' in picture ? picture.bytes : await readFile(picture.path);
  return `data:${mediaTypeOf(bytes)};base64,${Buffer.from(bytes).toString('base64')}`;
}
