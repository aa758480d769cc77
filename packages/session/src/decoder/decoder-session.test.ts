import { expect, test } from 'vitest';
import { fakeDecoder } from '../../testing/fake-decoder.js';
import type { HostTensor, SessionTensor, ValueInfo } from '../backend.js';
import { readAnswer } from './answer.js';
import { DecoderSession } from './decoder-session.js';
import { hostTensor, readNumbers } from './tensors.js';

/** Embeddings `[rows, tokens, 2]` whose first feature is the given number. */
function embeddings(...rows: readonly (readonly number[])[]): HostTensor {
  const values = rows.flatMap((row) => row.flatMap((x) => [x, 0]));
  return hostTensor('float32', values, [rows.length, rows[0]?.length ?? 0, 2]);
}

const run = async (decoder: DecoderSession, ...rows: readonly (readonly number[])[]) => {
  const { logits } = await decoder.prefill({ embeddings: embeddings(...rows) });
  logits.dispose();
};

/** What a decoder was fed under a name in its latest run. */
const fed = async ({ runs }: ReturnType<typeof fakeDecoder>, name: string) => {
  const tensor = runs.at(-1)?.feeds[name];
  const { data, shape } = await readNumbers(tensor as HostTensor | SessionTensor);
  return { values: [...data], shape };
};

test('masks, positions and caches go on from call to call', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  await run(decoder, [1, 2, 3]);
  expect(await fed(session, 'past_key_values.0.key')).toEqual({ values: [], shape: [1, 1, 0, 2] });
  await run(decoder, [4]);
  expect(await fed(session, 'attention_mask')).toEqual({ values: [1, 1, 1, 1], shape: [1, 4] });
  expect(await fed(session, 'position_ids')).toEqual({ values: [3], shape: [1, 1] });
  expect((await fed(session, 'past_key_values.0.key')).values).toEqual([1, 1, 2, 2, 3, 3]);
  expect(decoder).toMatchObject({ batch: 1, seen: 4, cacheLengths: [4], cacheBytes: 64 });
  expect(decoder.cacheBytesPerToken).toBe(16);
  expect(session.alive.size).toBe(2);
  decoder.dispose();
  expect(session.alive.size).toBe(0);
});

test('padding takes no position, and is said in the mask', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  const call = { embeddings: embeddings([0, 1, 2], [3, 4, 5]), valid: [0, 1, 1, 1, 1, 1] };
  (await decoder.prefill(call)).logits.dispose();
  expect((await fed(session, 'position_ids')).values).toEqual([0, 0, 1, 0, 1, 2]);
  await run(decoder, [6], [7]);
  expect((await fed(session, 'attention_mask')).values).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
  expect((await fed(session, 'position_ids')).values).toEqual([2, 3]);
});

test('given positions are counted from where the conversation stands', async () => {
  const threeRows = fakeDecoder();
  const inputs = threeRows.inputs.map((input) =>
    input.name === 'position_ids' ? { ...input, shape: [3, 'batch_size', 'tokens'] } : input,
  );
  const decoder = new DecoderSession({ ...threeRows, inputs });
  const positions = [0, 1, 1, 0, 1, 2, 0, 1, 1];
  await decoder.prefill({ embeddings: embeddings([1, 2, 3]), positions });
  expect(await fed(threeRows, 'position_ids')).toEqual({ values: positions, shape: [3, 1, 3] });
  await run(decoder, [4]);
  expect((await fed(threeRows, 'position_ids')).values).toEqual([3, 3, 3]);
});

test('a fork goes on for itself and copies nothing', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  await run(decoder, [1, 2]);
  const fork = decoder.fork();
  await run(decoder, [3]);
  await run(fork, [4]);
  expect((await fed(session, 'past_key_values.0.key')).values).toEqual([1, 1, 2, 2]);
  expect([decoder.seen, fork.seen]).toEqual([3, 3]);
  decoder.dispose();
  fork.dispose();
  expect(session.alive.size).toBe(0);
});

test('a call that fails leaves the conversation as it was', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  await run(decoder, [1, 2]);
  session.fail();
  await expect(run(decoder, [3])).rejects.toThrow('fails');
  await run(decoder, [4]);
  expect((await fed(session, 'position_ids')).values).toEqual([2]);
  decoder.dispose();
  expect(session.alive.size).toBe(0);
});

test('an answer without logits leaves the conversation as it was', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  await run(decoder, [1, 2]);
  const silent = new DecoderSession({
    ...session,
    run: (feeds, fetch) =>
      session.run(
        feeds,
        fetch?.filter((name) => name !== 'logits'),
      ),
  });
  await expect(run(silent, [1])).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
  expect([silent.seen, silent.batch]).toEqual([0, 0]);
  expect(session.alive.size).toBe(2);
  decoder.dispose();
  expect(session.alive.size).toBe(0);
});

test('a step is one token of each row', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  await expect(decoder.step({ embeddings: embeddings([1, 2]) })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    data: { expected: 1, got: 2 },
  });
  expect(session.runs).toHaveLength(0);
  (await decoder.step({ embeddings: embeddings([1], [2]) })).logits.dispose();
  expect(decoder.seen).toBe(1);
});

test('caches that are asked for stay the conversation', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  const { outputs } = await decoder.prefill({
    embeddings: embeddings([1]),
    fetch: ['present.0.key'],
  });
  outputs['present.0.key']?.dispose();
  outputs['present.0.key']?.dispose();
  expect(session.alive.size).toBe(3);
  await run(decoder, [2]);
  expect(decoder.cacheLengths).toEqual([2]);
});

test('an answer as numbers frees its tensors, also where reading them fails', async () => {
  const session = fakeDecoder();
  const decoder = new DecoderSession(session);
  const call = { embeddings: embeddings([1, 2]), fetch: ['present.0.key'] };
  const { logits, outputs } = await readAnswer(await decoder.prefill(call));
  expect(logits).toMatchObject({ shape: [1, 1, 1] });
  expect([...(outputs['present.0.key']?.data ?? [])]).toEqual([1, 1, 2, 2]);
  const answer = await decoder.prefill(call);
  const download = () => Promise.reject(new Error('the device is gone'));
  const broken = {
    ...answer,
    logits: { ...answer.logits, download, dispose: answer.logits.dispose },
  };
  await expect(readAnswer(broken)).rejects.toThrow('the device is gone');
  decoder.dispose();
  expect(session.alive.size).toBe(0);
});

test('states of other mixers start as zeros of their own size', async () => {
  const conv: ValueInfo = { name: 'past_conv.1', type: 'float32', shape: ['batch_size', 3, 2] };
  const session = fakeDecoder([conv]);
  const decoder = new DecoderSession(session);
  await run(decoder, [1]);
  expect(await fed(session, 'past_conv.1')).toEqual({
    values: [0, 0, 0, 0, 0, 0],
    shape: [1, 3, 2],
  });
  await run(decoder, [2]);
  expect((await fed(session, 'past_conv.1')).values).toEqual([1, 1, 1, 1, 1, 1]);
  expect(decoder.cacheLengths).toEqual([2]);
});

test('sizes that are open and inputs that nobody feeds are named', async () => {
  const open: ValueInfo = {
    name: 'past_key_values.1.key',
    type: 'float32',
    shape: ['b', 'kv', 'p', 4],
  };
  const value: ValueInfo = { ...open, name: 'past_key_values.1.value' };
  const session = fakeDecoder([open, value]);
  await expect(run(new DecoderSession(session), [1])).rejects.toThrow(
    'expected past_key_values.1.key with its sizes as numbers, got [b, kv, p, 4]; pass cacheSizes',
  );
  await run(new DecoderSession(session, { cacheSizes: { kvHeads: 2 } }), [1]);
  expect((await fed(session, 'past_key_values.1.key')).shape).toEqual([1, 2, 0, 4]);
  const strange = fakeDecoder([{ name: 'mystery', type: 'float32', shape: ['n'] }]);
  expect(new DecoderSession(strange).ports.others).toEqual(['mystery']);
  expect(new DecoderSession(fakeDecoder([stageMask])).ports.others).toEqual([]);
  await expect(run(new DecoderSession(strange), [1])).rejects.toThrow(/got mystery \[n\]; pass/);
  await expect(run(new DecoderSession(fakeDecoder()), [1], [2])).resolves.toBeUndefined();
});

const stageMask: ValueInfo = {
  name: 'past_pruning.mask.0',
  type: 'int64',
  shape: ['batch_size', 'past_after_layer_1'],
};

test('conversations stand side by side, padded in front, and part again', async () => {
  const session = fakeDecoder([stageMask]);
  const [long, short] = [new DecoderSession(session), new DecoderSession(session)];
  await run(long, [1, 2, 3]);
  await run(short, [4]);
  const both = await DecoderSession.merge([long, short]);
  await run(both, [5], [6]);
  expect((await fed(session, 'attention_mask')).values).toEqual([1, 1, 1, 1, 0, 0, 1, 1]);
  expect((await fed(session, 'past_pruning.mask.0')).values).toEqual([1, 1, 1, 0, 0, 1]);
  expect((await fed(session, 'position_ids')).values).toEqual([3, 1]);
  expect((await fed(session, 'past_key_values.0.key')).values).toEqual([
    1, 1, 2, 2, 3, 3, 0, 0, 0, 0, 4, 4,
  ]);
  const alone = await both.rows([1]);
  await run(alone, [7]);
  expect((await fed(session, 'past_key_values.0.value')).values).toEqual([4, 4, 6, 6]);
  expect((await fed(session, 'past_pruning.mask.0')).values).toEqual([1, 1]);
  expect((await fed(session, 'position_ids')).values).toEqual([2]);
  for (const each of [long, short, both, alone]) each.dispose();
  expect(session.alive.size).toBe(0);
});

test('rows of several conversations become one, as long as the longest of them needs', async () => {
  const session = fakeDecoder([stageMask]);
  const [long, short, late] = [1, 2, 3].map(() => new DecoderSession(session));
  await run(long!, [1, 2, 3]);
  await run(short!, [4]);
  await run(late!, [7, 8]);
  const both = await DecoderSession.merge([long!, short!]);
  await run(both, [5], [6]);
  const next = await DecoderSession.gather([
    { conversation: both, rows: [1] },
    { conversation: late!, rows: [0] },
  ]);
  for (const each of [long, short, late, both]) each?.dispose();
  await run(next, [9], [10]);
  // Two tokens each: what the longest that is gone had them padded with is gone too.
  expect((await fed(session, 'attention_mask')).values).toEqual([1, 1, 1, 1, 1, 1]);
  expect((await fed(session, 'past_pruning.mask.0')).values).toEqual([1, 1, 1, 1]);
  expect((await fed(session, 'position_ids')).values).toEqual([2, 2]);
  expect(await fed(session, 'past_key_values.0.key')).toEqual({
    values: [4, 4, 6, 6, 7, 7, 8, 8],
    shape: [2, 1, 2, 2],
  });
  next.dispose();
  expect(session.alive.size).toBe(0);
});

const input = (name: string, shape: ValueInfo['shape'], type: ValueInfo['type'] = 'int64') => ({
  name,
  type,
  shape,
});
const imageMask = input('image_mask', ['batch_size', 'tokens']);

test('a graph that is pruned, but not for batches, takes no padding', async () => {
  const session = fakeDecoder([imageMask]);
  const [long, short, equal] = [1, 2, 3].map(() => new DecoderSession(session));
  await run(long!, [1, 2]);
  await run(short!, [1]);
  await run(equal!, [3]);
  const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('no padding') };
  await expect(DecoderSession.merge([long!, short!])).rejects.toMatchObject(refused);
  const call = { embeddings: embeddings([1, 2]), valid: [0, 1] };
  await expect(long!.prefill(call)).rejects.toMatchObject(refused);
  expect(long!.seen).toBe(2);
  await run(await DecoderSession.merge([short!, equal!]), [4], [5]);
  const masked = fakeDecoder([imageMask, stageMask]);
  (await new DecoderSession(masked).prefill(call)).logits.dispose();
});

test('padding stands in front of the tokens where a pruned graph has states', async () => {
  const conv: ValueInfo = { name: 'past_conv.1', type: 'float32', shape: ['batch_size', 3, 2] };
  const decoder = () => new DecoderSession(fakeDecoder([imageMask, stageMask, conv]));
  const call = { embeddings: embeddings([1, 2], [3, 4]) };
  (await decoder().prefill({ ...call, valid: [1, 1, 0, 1] })).logits.dispose();
  await expect(decoder().prefill({ ...call, valid: [0, 1, 1, 0] })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/valid with zeros in front of the tokens alone.* zero at 3/),
  });
});

test('rows that there are not, and conversations that have not begun', async () => {
  const decoder = new DecoderSession(fakeDecoder());
  const refused = { code: 'INVALID_ARGUMENT' };
  await expect(decoder.rows([0])).rejects.toMatchObject(refused);
  await expect(DecoderSession.merge([decoder])).rejects.toMatchObject(refused);
  await run(decoder, [1], [2]);
  for (const rows of [[], [2], [-1], [0.5]]) {
    await expect(decoder.rows(rows)).rejects.toMatchObject({ ...refused, data: { field: 'rows' } });
  }
  expect((await decoder.rows([1, 0, 1])).batch).toBe(3);
});

test.each([
  ['images', { images: [1] }],
  ['images', { images: [1, 0.5] }],
  ['instruction', { instruction: [1, 0, 1] }],
  ['instruction', { instruction: [Number.NaN, 0] }],
  ['valid', { valid: [1] }],
  ['positions', { positions: [0] }],
  ['positions', { positions: [0, 1.5] }],
  ['positions', { positions: [0, 1, 0, 1] }],
  ['positions', { positions: [0, 1, 0, 1, 0, 1] }],
  ['keepRatios', { keepRatios: [0.5] }],
  ['keepRatios', { keepRatios: [0.5, 0] }],
  ['keepRatios', { keepRatios: [1.5, 0.5] }],
  ['keepRatios', { keepRatios: [Number.NaN, 0.5] }],
  ['embeddings', { embeddings: hostTensor('float32', [1, 2], [1, 2]) }],
])('%s that do not fit are refused before the graph runs: %j', async (field, wrong) => {
  const session = fakeDecoder([imageMask, input('keep_ratios', [2], 'float32')]);
  const decoder = new DecoderSession(session);
  await expect(decoder.prefill({ embeddings: embeddings([1, 2]), ...wrong })).rejects.toMatchObject(
    { code: 'INVALID_ARGUMENT', data: { field } },
  );
  expect([session.runs.length, decoder.batch]).toEqual([0, 0]);
});

test.each([
  [3, [1, 3]],
  [4, [1, 3, 4]],
])('a graph of %i rows of positions takes %j', async (kinds, taken) => {
  const session = fakeDecoder();
  const inputs = session.inputs.map((each) =>
    each.name === 'position_ids' ? { ...each, shape: [kinds, 'batch_size', 'tokens'] } : each,
  );
  for (const rows of [1, 2, 3, 4, 5]) {
    const decoder = new DecoderSession({ ...session, inputs });
    const call = { embeddings: embeddings([1]), positions: new Array<number>(rows).fill(0) };
    const answered = decoder.prefill(call).then(
      () => true,
      () => false,
    );
    expect(await answered).toBe(taken.includes(rows));
  }
});

const length = input('past_pruning.length.0', [1]);

test('lengths go on from call to call, and stay one for all rows', async () => {
  const session = fakeDecoder([imageMask, length]);
  const [first, second] = [new DecoderSession(session), new DecoderSession(session)];
  await run(first, [1, 2]);
  expect(await fed(session, length.name)).toEqual({ values: [0], shape: [1] });
  await run(first, [3]);
  expect(await fed(session, length.name)).toEqual({ values: [2], shape: [1] });
  await run(second, [4, 5, 6]);
  const both = await DecoderSession.merge([first, second]);
  await run(both, [7], [8]);
  expect(await fed(session, length.name)).toEqual({ values: [3], shape: [1] });
  const alone = await both.rows([1]);
  await run(alone, [9]);
  expect(await fed(session, length.name)).toEqual({ values: [4], shape: [1] });
  for (const each of [first, second, both, alone]) each.dispose();
  expect(session.alive.size).toBe(0);
});

test('caches have room from the start, and then stand alone', async () => {
  const session = fakeDecoder([stageMask, length]);
  const decoder = new DecoderSession(session, { cacheRoom: 5 });
  await run(decoder, [1, 2]);
  expect((await fed(session, 'past_key_values.0.key')).shape).toEqual([1, 1, 5, 2]);
  expect((await fed(session, 'attention_mask')).shape).toEqual([1, 2]);
  expect((await fed(session, stageMask.name)).shape).toEqual([1, 0]);
  const fork = decoder.fork();
  decoder.dispose();
  fork.dispose();
  await run(fork, [3]);
  expect((await fed(session, 'past_key_values.0.value')).shape).toEqual([1, 1, 5, 2]);
  const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('room for 5') };
  await expect(DecoderSession.merge([fork])).rejects.toMatchObject(refused);
  for (const cacheRoom of [-1, 0.5, Number.NaN]) {
    expect(() => new DecoderSession(session, { cacheRoom })).toThrow(/cacheRoom to be a whole/);
  }
});
