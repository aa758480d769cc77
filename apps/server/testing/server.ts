/** Servers for tests: the engine in the test's own process, or all as it is used. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { type Bundled, bundled } from '@transprune/testing/bundled';
import OpenAI from 'openai';
import pino from 'pino';
import { afterAll, onTestFinished } from 'vitest';
import type { EngineHandle } from '../src/engine/handle.js';
import { openServed } from '../src/engine/open.js';
import { chooseLimits } from '../src/limits/limits.js';
import type { ServerOptions } from '../src/options.js';
import { createServerIn, type Surroundings } from '../src/server.js';

export const model = 'transprune-embedded';
const smallModel = { model: { folder: modelDirectory }, modelName: model };

const programs = new Map<string, Promise<Bundled>>();
const here = new URL('..', import.meta.url);
const homes = {
  'engine/engine-process': '../../packages/vlm/',
  'images/image-process': './',
  '../testing/server-process': './',
};

/** A program of the server, put together once for a test file. */
export async function program(name: keyof typeof homes): Promise<string> {
  const made =
    programs.get(name) ?? bundled(new URL(`src/${name}.ts`, here), new URL(homes[name], here));
  programs.set(name, made);
  return (await made).path;
}

afterAll(async () => {
  for (const made of programs.values()) await (await made).remove();
  programs.clear();
});

export interface TestServer {
  readonly url: string;
  readonly openai: OpenAI;
  /** What was logged, a line each. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export interface TestOptions extends ServerOptions {
  /** Engines in processes, as in use; by default one in this process. */
  readonly inProcesses?: boolean;
  readonly network?: Surroundings['network'];
  readonly startEngine?: Surroundings['startEngine'];
}

/** A server of the small model or another, which ends with the test or when it is closed. */
export async function startServer(options: TestOptions = {}): Promise<TestServer> {
  const { inProcesses = false, network, startEngine, ...given } = options;
  const rest = given.model ? given : { ...smallModel, ...given };
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(line) });
  const server = createServerIn(
    { log, ...rest },
    {
      programs: {
        engine: inProcesses ? await program('engine/engine-process') : '',
        image: await program('images/image-process'),
      },
      ...(!inProcesses && { startEngine: startEngine ?? (() => startHere(rest)) }),
      ...(network && { network }),
    },
  );
  const url = await server.listen();
  const close = () => server.close();
  return { url, openai: client(url), lines, close };
}

/** Ends a server with the running test. */
export function closed(server: TestServer): TestServer {
  onTestFinished(() => server.close());
  return server;
}

export function client(url: string, apiKey = 'none'): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

/** An engine in this process, which cannot die. */
export async function startHere(options: ServerOptions): Promise<EngineHandle> {
  const { model = smallModel.model, visionCacheBytes = 1e6, preset, plan } = options;
  const { active } = chooseLimits(options.limits);
  const opened = await openServed({ model, preset, plan, active, visionCacheBytes, threads: 1 });
  return {
    ...opened,
    gone: new Promise(() => {}),
    isGone: false,
    stop: () => opened.engine.dispose(),
    kill() {},
  };
}

/** A sample picture as a data URL. */
export function sample(name: string): string {
  const bytes = readFileSync(samplePath(name));
  return `data:image/png;base64,${bytes.toString('base64')}`;
}

export const samplePath = (name: string) => join(samplesDirectory, name);

/** Pictures and a question about them, as one message. */
export function question(
  text: string,
  ...images: readonly (string | OpenAI.ChatCompletionContentPartImage.ImageURL)[]
): OpenAI.ChatCompletionUserMessageParam {
  const pictures = images.map((image) => {
    const image_url = typeof image === 'string' ? { url: image } : image;
    return { type: 'image_url', image_url } as const;
  });
  return { role: 'user', content: [...pictures, { type: 'text', text }] };
}
