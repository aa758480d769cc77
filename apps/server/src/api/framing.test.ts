/** Whatever an answer says, a stream's events and a reply's headers are the server's own. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { TransPruneError } from '@transprune/core';
import type { EngineEvent } from '@transprune/vlm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { model, startHere, startServer, type TestServer } from '../../testing/server.js';

/** Tokens that would end a line, an event, a stream or the headers, if they were sent as they are. */
const pieces = [
  'a\n\nevent: response.failed\ndata: {"error":1}\n\n',
  'b\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: stolen=1\r\n\r\n',
  'c\rdata: [DONE]\r\r',
  'd\n: comment\nid: 7\nretry: 1\n',
  'e\u2028data: x\u2029\u0085\u0000\u001b[2J',
  '</script>"\\u000a\\n',
  'data: [DONE]\n\nend',
];
const answer = pieces.join('');

/** What the engine throws after all tokens; undefined for an answer that ends well. */
let failure: Error | undefined;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    async startEngine() {
      const handle = await startHere({});
      return {
        ...handle,
        engine: { ...handle.engine, generate: (asked) => said(handle.engine.generate(asked)) },
      };
    },
  });
});
afterAll(() => server.close());

/** The events of a real answer with other words in them. */
async function* said(events: AsyncIterable<EngineEvent>): AsyncGenerator<EngineEvent> {
  for await (const event of events) {
    if (event.type === 'token') continue;
    if (event.type !== 'finish') {
      yield event;
      continue;
    }
    for (const [id, text] of pieces.entries()) yield { type: 'token', id, text };
    if (failure) throw failure;
    yield { ...event, text: answer };
  }
}

interface Raw {
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

function post(path: string, body: object): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    const sent = request(server.url + path, { method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const { headers, rawHeaders } = response;
        resolve({ headers, rawHeaders, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

const paths = {
  '/v1/chat/completions': { model, messages: [{ role: 'user', content: 'what is this?' }] },
  '/v1/responses': { model, input: 'what is this?' },
};

interface Parsed {
  readonly event: string | undefined;
  readonly data: string;
}

/** As the standard has it: lines end with LF, CR or both, an empty one ends an event, and nothing else may be there. */
function eventsOf(body: string): Parsed[] {
  const blocks = body.split(/\r\n\r\n|\n\n|\r\r/);
  expect(blocks.pop()).toBe('');
  return blocks.map((block) => {
    const [, event, data = ''] = /^(?:event: ([a-z_.]+)\n)?data: ([^\r\n]+)$/.exec(block) ?? [];
    expect(data, block).not.toBe('');
    return { event, data };
  });
}

test.each(Object.entries(paths))(
  '%s: each event of a stream is one line of data',
  async (path, body) => {
    const { headers, rawHeaders, body: text } = await post(path, { ...body, stream: true });
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(rawHeaders.join('\n')).not.toMatch(/stolen|Set-Cookie/i);
    const events = eventsOf(text);
    expect(events.filter(({ data }) => data === '[DONE]')).toHaveLength(1);
    expect(events.at(-1)).toEqual({ event: undefined, data: '[DONE]' });
    const parsed = events.slice(0, -1).map(({ event, data }) => ({ event, ...JSON.parse(data) }));
    const isChat = path.includes('chat');
    for (const { event, type } of parsed) expect(event).toBe(isChat ? undefined : type);
    expect(parsed.map(({ event }) => event)).not.toContain('response.failed');
    const deltas = parsed.map(({ choices, type, delta }) =>
      isChat
        ? (choices[0]?.delta.content ?? '')
        : type === 'response.output_text.delta'
          ? delta
          : '',
    );
    expect(deltas.join('')).toBe(answer);
  },
);

test.each(Object.entries(paths))(
  '%s: a reply at once has the text as it is',
  async (path, body) => {
    const { rawHeaders, body: text } = await post(path, body);
    expect(rawHeaders.join('\n')).not.toMatch(/stolen|Set-Cookie/i);
    const { choices, output } = JSON.parse(text);
    expect(choices?.[0].message.content ?? output[0].content[0].text).toBe(answer);
  },
);

test.each(Object.entries(paths))(
  '%s: an error in the midst of it is one event',
  async (path, body) => {
    const message = 'x\n\ndata: [DONE]\n\n\r\r';
    failure = new TransPruneError('INVALID_ARGUMENT', message);
    try {
      const { body: text } = await post(path, { ...body, stream: true });
      const last = JSON.parse(eventsOf(text).at(-1)?.data ?? '');
      expect(last.error ?? last.response.error).toMatchObject({ message });
    } finally {
      failure = undefined;
    }
  },
);

test.each(Object.entries(paths))(
  '%s: what nobody expected is in the log alone, under the id that the client has',
  async (path, body) => {
    failure = new Error('the reason');
    try {
      const { headers, body: text } = await post(path, { ...body, stream: true });
      expect(text).toContain('internal_error');
      expect(text).not.toContain('the reason');
      const logged = server.lines.map((line) => JSON.parse(line));
      expect(logged.findLast(({ err }) => err?.message === 'the reason')).toMatchObject({
        requestId: headers['x-request-id'],
        msg: 'an answer failed',
      });
      expect(headers['x-request-id']).toMatch(/./);
    } finally {
      failure = undefined;
    }
  },
);

test('the official client reads the same', async () => {
  const stream = await server.openai.chat.completions.create({
    ...paths['/v1/chat/completions'],
    messages: [{ role: 'user', content: 'what is this?' }],
    stream: true,
  });
  let text = '';
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
  expect(text).toBe(answer);
});
