/**
 * Responses, by the checks of the Open Responses suite that go over HTTP (github.com/openresponses/openresponses,
 * `bin/compliance-test.ts`), with replies held against the schemas that `/openapi.json` shows.
 */
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { model, question, sample, startServer, type TestServer } from '../../../testing/server.js';
import { responseEvent } from '../schemas/response-events.js';
import { type ResponseReply, responseReply } from '../schemas/responses.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const scene = sample('scene-1.png');
const picture = { type: 'input_image', image_url: scene, detail: 'auto' } as const;
const user = (text: string, ...images: (typeof picture)[]) =>
  ({
    type: 'message',
    role: 'user',
    content: [...images, { type: 'input_text', text }],
  }) as const;

async function post(body: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${server.url}/v1/responses`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, ...body }),
  });
  return { status: response.status, body: await response.json() };
}

async function ask(body: object): Promise<ResponseReply> {
  const { status, body: reply } = await post(body);
  expect(status).toBe(200);
  return responseReply.strict().parse(reply);
}

const textOf = ({ output }: ResponseReply) => output[0]?.content[0]?.text;

/** All events of a stream, as they were written. */
async function events(body: object) {
  const response = await fetch(`${server.url}/v1/responses`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, stream: true, ...body }),
  });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const blocks = (await response.text()).split('\n\n').filter(Boolean);
  expect(blocks.pop()).toBe('data: [DONE]');
  return blocks.map((block) => {
    const [name, data] = block.split('\n');
    const event = responseEvent.parse(JSON.parse(data!.slice('data: '.length)));
    expect(name).toBe(`event: ${event.type}`);
    return event;
  });
}

describe('checks of Open Responses', () => {
  test('basic text', async () => {
    const reply = await ask({ input: [user('what is this?')] });
    expect(reply).toMatchObject({ status: 'completed', error: null, store: false });
    expect(textOf(reply)).not.toBe('');
    expect(reply.completed_at).toBeGreaterThanOrEqual(reply.created_at);
  });

  test('streaming', async () => {
    const body = { input: [user('describe the picture', picture)] };
    const found = await events(body);
    expect(found.map(({ sequence_number }) => sequence_number)).toEqual(found.map((_, at) => at));
    const types = found.map(({ type }) => type);
    expect(types.filter((type) => type !== 'response.output_text.delta')).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const deltas = found.flatMap((event) => ('delta' in event ? event.delta : []));
    const end = found.at(-1)! as { response: ResponseReply };
    expect(deltas.join('')).toBe(textOf(end.response));
    expect(deltas.length).toBeGreaterThan(10);
    expect(deltas.join('')).toBe(textOf(await ask(body)));
    expect(end.response.usage).toEqual((await ask(body)).usage);
  });

  test('system prompt, as an item and as instructions', async () => {
    const item = { type: 'message', role: 'system', content: 'answer in a word' };
    const asItem = await ask({ input: [item, user('what color is the heart?', picture)] });
    const asInstructions = await ask({
      instructions: item.content,
      input: [user('what color is the heart?', picture)],
    });
    expect(textOf(asInstructions)).toBe(textOf(asItem));
    expect(asInstructions.usage).toEqual(asItem.usage);
    expect(asInstructions.instructions).toBe(item.content);
  });

  test('image input', async () => {
    const reply = await ask({ input: [user('what color is the heart?', picture)] });
    expect(textOf(reply)).toBe('purple');
    expect(reply.pruning?.image_tokens).toEqual({ in: 144, kept: [126, 90, 18] });
    const chat = await server.openai.chat.completions.create({
      model,
      messages: [question('what color is the heart?', scene)],
    });
    expect(textOf(reply)).toBe(chat.choices[0]?.message.content);
  });

  test('turns, with an answer as it was given', async () => {
    const first = await ask({ input: [user('what color is the heart?', picture)] });
    const input = [
      user('what color is the heart?', picture),
      ...first.output,
      { role: 'user', content: 'what shape is it?' },
    ];
    const second = await ask({ input });
    expect(second.status).toBe('completed');
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage!.input_tokens);
    const written = [...input];
    written[1] = { role: 'assistant', content: textOf(first)! };
    expect(textOf(await ask({ input: written }))).toBe(textOf(second));
  });

  test('an answer that becomes too long is incomplete', async () => {
    const body = { input: [user('describe the picture', picture)], max_output_tokens: 2 };
    expect(await ask(body)).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      completed_at: null,
      max_output_tokens: 2,
      usage: { output_tokens: 2 },
    });
    expect((await events(body)).at(-1)?.type).toBe('response.incomplete');
  });

  test.each([
    [{ tools: [{ type: 'function', name: 'f', parameters: {} }] }, 'tools'],
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ background: true }, 'background'],
    [{ text: { format: { type: 'json_schema' } } }, 'text'],
    [{ reasoning: { effort: 'high' } }, 'reasoning'],
    [{ include: ['reasoning.encrypted_content'] }, 'include'],
    [{ truncation: 'auto' }, 'truncation'],
    [{ text: 'x' }, 'text'],
    [{ text: { verbosity: 'high' } }, 'text'],
    [{ text: { other: 1 } }, 'text'],
    [{ reasoning: 5 }, 'reasoning'],
    [{ tools: 'f' }, 'tools'],
  ])('what is not supported is named: %j', async (params, param) => {
    const { status, body } = await post({ input: 'what?', ...params });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { code: 'unsupported_parameter', param } });
  });

  test('neutral parameters change nothing, and settings are given back', async () => {
    const reply = await ask({
      input: 'what?',
      temperature: 0,
      top_p: 0.5,
      metadata: { a: 'b' },
      text: { format: { type: 'text' }, verbosity: 'medium' },
      tools: [],
      tool_choice: 'auto',
      reasoning: { effort: null },
      include: [],
      store: true,
      truncation: 'disabled',
      previous_response_id: null,
    });
    expect(reply).toMatchObject({ temperature: 0, top_p: 0.5, metadata: { a: 'b' }, store: false });
  });

  test.each([
    [{ input: [] }, 'input'],
    [{ input: [{ role: 'user', content: [{ type: 'input_file' }] }] }, 'input[0].content[0].type'],
    [{ input: [{ type: 'function_call_output' }] }, 'input[0].type'],
    [{ input: 'a', max_output_tokens: 0 }, 'max_output_tokens'],
    [{ input: 'a', temperature: 'hot' }, 'temperature'],
    [{ input: 'heart '.repeat(9000) }, 'input'],
  ])('what is wrong is named: %j', async (params, param) => {
    expect(await post(params)).toMatchObject({ status: 400, body: { error: { param } } });
  });
});

describe('the official client', () => {
  test('reads replies and streams', async () => {
    const params = { model, input: 'what color is it?' };
    const { output_text } = await server.openai.responses.create(params);
    const stream = server.openai.responses.stream(params);
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const final = await stream.finalResponse();
    expect(final.output_text).toBe(output_text);
    expect(deltas.join('')).toBe(output_text);
  });

  test('gets errors as such', async () => {
    const unknown: Promise<OpenAI.Responses.Response> = server.openai.responses.create({
      model: 'gpt-5',
      input: 'what?',
    });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});
