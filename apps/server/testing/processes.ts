/** Servers whose engines are processes that a test may end. */
import { modelDirectory } from '@transprune/small-model';
import type OpenAI from 'openai';
import type { EngineHandle } from '../src/engine/handle.js';
import { startEngineProcess } from '../src/engine/start-process.js';
import { chooseLimits } from '../src/limits/limits.js';
import { closed, model, program, question, sample, startServer } from './server.js';

const messages = [question('describe the picture', sample('scene-1.png'))];

export const ask = (openai: OpenAI) => openai.chat.completions.create({ model, messages });
export const textOf = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content;
export const stream = (openai: OpenAI) =>
  openai.chat.completions.create({ model, messages, stream: true });

const settings = { model: { folder: modelDirectory }, active: 8, visionCacheBytes: 0, threads: 1 };

/** A server whose engines can be ended by their handles. */
export async function withHandles(engines: number, limits = {}) {
  const handles: EngineHandle[] = [];
  const path = await program('engine/engine-process');
  const startEngine = async (signal: AbortSignal) => {
    const { active } = chooseLimits(limits);
    const handle = await startEngineProcess(path, { ...settings, active }, { signal });
    handles.push(handle);
    return handle;
  };
  return { ...closed(await startServer({ engines, limits, startEngine })), handles };
}
