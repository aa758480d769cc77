/** Steps of docs/server.md, as they stand there. */
import { readFileSync } from 'node:fs';
import { methodByName, methodNames } from '@transprune/core';
import { modelDirectory } from '@transprune/embedded-model';
import { runExample } from '@transprune/fixtures/vitest';
import { Command } from 'commander';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { closed, sample, startServer, type TestServer } from '../testing/server.js';
import { addServeCommand } from './command/serve.js';
import { chooseLimits } from './limits/limits.js';

const root = new URL('../../../', import.meta.url);
const guide = readFileSync(new URL('docs/server.md', root), 'utf8');

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

test('the official client, asking the model that comes along', async () => {
  const started = await startServer({
    model: { folder: modelDirectory },
    modelName: 'transprune-embedded',
  });
  const { url } = closed(started);
  const inRoot = (path: string) => new URL(path, root);
  const { printed, expected } = await runExample(
    guide,
    {
      openai: { OpenAI },
      'node:fs': {
        readFileSync: (path: string, type: 'base64') => readFileSync(inRoot(path), type),
      },
    },
    {},
    (code) => code.replace('http://127.0.0.1:8080', url),
  );
  expect(printed).toBe(expected);
});

test.each(['docs/server.md', 'apps/server/README.md'])(
  '%s: which methods ask the question, and whose caches could be forked',
  (path) => {
    const sentences = readFileSync(new URL(path, root), 'utf8').replace(/\s+/g, ' ').split('. ');
    const namedBeside = (method: string) => {
      const sentence = sentences.find((each) => each.includes(`\`${method}\``)) ?? '';
      const words = Array.from(sentence.matchAll(/`([^`]+)`/g), ([, word]) => word);
      return methodNames.filter((name) => name !== 'transprune' && words.includes(name));
    };
    const those = (asking: boolean) =>
      methodNames.filter(
        (name) =>
          name !== 'transprune' &&
          methodByName(name).needs.includes('instructionAttention') === asking,
      );
    expect(namedBeside('pyramid-drop')).toEqual(those(true));
    expect(namedBeside('uniform-grid')).toEqual(those(false));
  },
);

test('all commands that start a server are taken', () => {
  const lines = Array.from(guide.matchAll(/^(?:transprune|npm run server| {2}serve) ?(.*)$/gm))
    .map(([line]) => line.trim())
    .filter((line) => !line.startsWith('transprune export'));
  expect(lines.length).toBeGreaterThan(3);
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  for (const line of lines) {
    const words = line.split(' ');
    if (words[0] === 'npm') {
      expect(Object.keys(scripts)).toContain(words[2]);
      continue;
    }
    const surroundings = { stdout: process.stdout, env: {}, signal: new AbortController().signal };
    const program = new Command().exitOverride();
    const command = addServeCommand(program, surroundings).action(() => {});
    program.parse(words.slice(words.indexOf('serve')), { from: 'user' });
    const { limit } = command.opts<{ limit: Record<string, number> }>();
    expect(() => chooseLimits(limit)).not.toThrow();
  }
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
