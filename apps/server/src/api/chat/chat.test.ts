/** Chat completions by the official client. */
import { modelDirectory } from '@transprune/embedded-model';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { model, question, sample, samplePath, startServer, type TestServer } from '../../../testing/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const scene = sample('scene-1.png');

test('one', async () => {
  const reply = await server.openai.chat.completions.create({ model, messages: [question('what color is the heart?', scene)] });
  console.log(JSON.stringify(reply, null, 1));
  const stream = await server.openai.chat.completions.create({ model, stream: true, stream_options:{include_usage:true}, messages: [question('describe the picture', scene)] });
  for await (const c of stream) console.log(JSON.stringify(c));
  const r = await server.openai.responses.create({ model, input: 'what is this?' , max_output_tokens: 4});
  console.log(JSON.stringify(r));
  console.log(await (await fetch(server.url+'/metrics')).text().then(t=>t.split('\n').filter(l=>l.startsWith('transprune') && !l.includes('bucket')).join('\n')));
  console.log(server.lines);
});
