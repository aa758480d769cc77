import { join } from 'node:path';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { reply } from '../../testing/ask.js';
import { fakeFiles, loadFake } from '../../testing/fake-model.js';

const image = join(samplesDirectory, 'scene-1.png');
const first = { question: 'what color is the cross', images: [image] };
const second = { question: 'how many circles are there' };
const answer = [7, 17, 2, 9, 2];
const keep = (mask: BigInt64Array) =>
  Array.from(mask, Number).flatMap((flag, i) => (flag === 0 || i % 4 === 0 ? [i] : []));

/** Files whose template is another one. */
const withTemplate = (chat_template: string) =>
  fakeFiles({ 'tokenizer_config.json': { chat_template } });

describe('a conversation', () => {
  test.each([false, true])('frees caches and masks once each (masks: %s)', async (masked) => {
    const { engine, sessions } = await loadFake({ decoder: { answer, keep, masked } });
    const chat = engine.chat();
    expect((await reply(chat, first)).tokenIds).toEqual([7, 17, 2]);
    const { given, runs } = sessions.decoder_model_merged;
    const live = given.filter((tensor) => tensor.disposals === 0 && tensor.downloads === 0);
    expect(live).toHaveLength(masked ? 5 : 4);
    expect((await reply(chat, second)).tokenIds).toEqual([9, 2]);
    expect(live.every((tensor) => tensor.disposals === 1)).toBe(true);
    await chat.dispose();
    const kept = given.filter((tensor) => tensor.downloads === 0);
    expect(kept).toHaveLength(runs.length * (masked ? 5 : 4));
    expect(kept.every((tensor) => tensor.disposals === 1)).toBe(true);
    if (!masked) return;
    const fed = runs.map(({ feeds }) => feeds['past_pruning.mask.0']?.dims[1]);
    const caches = runs.map(({ feeds }) => feeds['past_key_values.1.key']?.dims[2]);
    expect(fed).toEqual(caches);
    expect(fed[0]).toBe(0);
  });

  test('runs the last token of the answer with what the template writes after it', async () => {
    const files = await withTemplate(
      '{% for m in messages %}{% if m.role == "assistant" %}{{ m.content }}</s>{% elif m.role == "system" %}{{ m.content }} {% else %}<image>{{ m.content[1].text }} answer:{% endif %}{% endfor %}',
    );
    const { engine, sessions } = await loadFake({ files, decoder: { answer } });
    const chat = engine.chat({ system: 'describe' });
    const { prompt } = await reply(chat, first);
    expect(prompt.text).toBe(`describe <image>${first.question} answer:`);
    const next = await reply(chat, { ...first, question: 'how' });
    expect(next.prompt.text).toBe('</s><image>how answer:');
    // The end token once, the image, three words.
    expect(next.prompt.textTokens).toBe(4);
    const { runs } = sessions.decoder_model_merged;
    expect(runs[3]?.feeds.inputs_embeds?.dims[1]).toBe(4 + 144);
    await chat.dispose();
  });

  test('is as before when a turn fails, and nothing is left', async () => {
    const { engine, sessions } = await loadFake({
      decoder: { answer, keep, masked: true, failing: [4] },
    });
    const chat = engine.chat();
    const { cache, tokenIds } = await reply(chat, first);
    await expect(reply(chat, second)).rejects.toThrow('the fake decoder fails');
    const next = await reply(chat, second);
    expect(next.tokenIds).toEqual([9, 2]);
    const [before = 0] = cache.atEnd.lengths;
    expect(tokenIds.at(-1)).toBe(2);
    expect(next.cache.atEnd.lengths[0]).toBe(before + next.prompt.textTokens + 1);
    await chat.dispose();
    const { given } = sessions.decoder_model_merged;
    const kept = given.filter((tensor) => tensor.downloads === 0);
    expect(kept.every((tensor) => tensor.disposals === 1)).toBe(true);
  });

  test('needs a template that shows earlier answers', async () => {
    const files = await withTemplate('<image>{{ messages[0].content[1].text }}');
    const { engine } = await loadFake({ files });
    const chat = engine.chat();
    await reply(chat, first);
    await expect(reply(chat, second)).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    await chat.dispose();
  });
});
