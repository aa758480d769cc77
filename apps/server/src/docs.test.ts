/** Steps of docs/server.md, as they stand there. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sample, startServer, type TestServer } from '../testing/server.js';
import { addServeCommand } from './command/serve.js';

const guide = readFileSync(new URL('../../../docs/server.md', import.meta.url), 'utf8');

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

test('the official client', async () => {
  const [, code = ''] = /```ts\nimport OpenAI from 'openai';\n(.*?)```/s.exec(guide) ?? [];
  const printed: string[] = [];
  const console = { log: (text: string) => printed.push(text) };
  const names = ['OpenAI', 'url', 'picture', 'console'];
  const run = new Function(...names, `return (async () => {${code}})();`);
  await run(OpenAI, server.url, sample('scene-1.png'), console);
  expect(printed.join('')).toBe('purple');
});

test('plain HTTP', async () => {
  const [, path = '', body = ''] = /curl http:\/\/[\d.:]+(\S+) .*? -d '(.*?)'/s.exec(guide) ?? [];
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(server.url + path, { method: 'POST', headers, body });
  expect(response.status).toBe(200);
});

test('what a request may keep, and what the reply says', async () => {
  const bodies = [...guide.matchAll(/^\{ "pruning": .*\}$/gm)].map(([text]) => JSON.parse(text));
  expect(bodies).toHaveLength(2);
  for (const body of bodies) {
    const reply = await server.openai.chat.completions.create({
      model: 'transprune-embedded',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: sample('scene-1.png') } },
            { type: 'text', text: 'what color is the heart?' },
          ],
        },
      ],
      ...body,
    });
    expect(reply).toMatchObject({ pruning: { method: 'transprune', image_tokens: { in: 144 } } });
  }
});

test('figures have the names that the guide gives', async () => {
  const figures = await (await fetch(`${server.url}/metrics`)).text();
  const table = guide.slice(guide.indexOf('## Watch it'), guide.indexOf('## End it'));
  const names = Array.from(
    table.matchAll(/`(\w+_(?:seconds|total|running|waiting))`/g),
    ([, n]) => n,
  );
  expect(names.length).toBeGreaterThan(12);
  for (const name of names) expect(figures).toContain(`# TYPE transprune:${name} `);
});

test('what the cluster scales by, and when clients get 429', () => {
  const deploy = (name: string) =>
    parse(readFileSync(new URL(`../deploy/kubernetes/${name}`, import.meta.url), 'utf8'));
  const [{ pods }] = deploy('autoscaler.yaml').spec.metrics;
  const { args, lifecycle } = deploy('deployment.yaml').spec.template.spec.containers[0];
  const [, waiting] = /waiting=(\d+)/.exec(args.join(' ')) ?? [];
  const [, pause] = lifecycle.preStop.exec.command;
  const words = guide.replace(/\s+/g, ' ');
  expect(words).toContain(
    `is held at ${pods.target.averageValue}, where clients get 429 beyond ${waiting}.`,
  );
  expect(words).toContain(`waits ${pause} s for the balancer`);
});

test('the secret is the one that the deployment reads', () => {
  const [, name, key] = /create secret generic (\S+) --from-literal=(\w+)=/.exec(guide) ?? [];
  const file = new URL('../deploy/kubernetes/deployment.yaml', import.meta.url);
  const { env } = parse(readFileSync(file, 'utf8')).spec.template.spec.containers[0];
  expect(env[0].valueFrom.secretKeyRef).toEqual({ name, key });
});

test('arguments of the container are taken', () => {
  const [, line = ''] = /transprune-server \\\n +(serve .*)/.exec(guide) ?? [];
  const surroundings = { stdout: process.stdout, env: {}, signal: new AbortController().signal };
  const program = new Command().exitOverride();
  const command = addServeCommand(program, surroundings).action(() => {});
  program.parse(line.split(' '), { from: 'user' });
  expect(command.opts()).toMatchObject({ host: '0.0.0.0', port: 8080, model: '/models/smolvlm' });
});
