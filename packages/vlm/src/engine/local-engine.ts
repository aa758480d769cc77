/** An engine in this thread. */
import { TransPruneError } from '@transprune/core';
import { decoderPorts, type Session } from '@transprune/session';
import type { Frontend } from '../frontend.js';
import { Conversation, conversationIsOver } from './conversation.js';
import type { Chat, Engine } from './engine.js';
import type { EngineEvent } from './events.js';
import { chooseKeepRatios } from './keep-ratios.js';
import { chatFault, requestFault } from './options.js';
import type { ChatTurn, EngineRequest } from './request.js';
import { Scheduler, type SchedulerLimits } from './scheduler.js';
import { traceOutputs } from './stages.js';
import { failedStream } from './stream.js';
import { type Model, Task } from './task.js';

export interface EngineParts extends SchedulerLimits {
  readonly frontend: Frontend;
  readonly decoder: Session;
  /** What the decoder keeps unless a request says otherwise. */
  readonly keepRatios: readonly number[] | undefined;
  readonly visionCache?: Model['visionCache'];
  /** Frees what the engine was made of; is called when nothing runs any more. */
  readonly release: () => Promise<void>;
}

/** Serves requests with a decoder and what surrounds it. */
export function startEngine(parts: EngineParts): Engine {
  const { frontend, decoder, keepRatios, visionCache, release } = parts;
  const model: Model = {
    frontend,
    decoder,
    ports: decoderPorts(decoder),
    trace: traceOutputs(decoder),
    visionCache,
  };
  const scheduler = new Scheduler(model, parts);
  const conversations = new Set<Conversation>();

  const submit = (request: EngineRequest, conversation?: Conversation) => {
    const task = new Task(model, request, conversation, (left) => scheduler.cancel(left));
    try {
      task.keepRatios = chooseKeepRatios(request.keepRatios, keepRatios, decoder);
      checkOutputs(request.outputs, decoder);
      follow(task, request.signal, () => scheduler.cancel(task));
      if (!task.isDone) scheduler.submit(task);
    } catch (error) {
      task.fail(error);
    }
    return task;
  };

  let disposing: Promise<void> | undefined;
  const dispose = async () => {
    await scheduler.close();
    for (const conversation of conversations) conversation.dispose();
    await release();
  };
  return {
    modelType: frontend.modelType,
    imageTokenId: frontend.imageTokenId,
    device: decoder.device,
    generate(request) {
      const fault = requestFault(request, 'request');
      return fault ? failedStream(fault) : submit(request).events;
    },
    chat(options) {
      const fault = chatFault(options);
      if (fault) return { ask: () => failedStream(fault), dispose: async () => {} };
      const conversation = new Conversation(options);
      conversations.add(conversation);
      const cancel = (task: Task) => scheduler.cancel(task);
      return createChat(conversation, { submit, cancel }, () => conversations.delete(conversation));
    },
    dispose() {
      disposing ??= dispose();
      return disposing;
    },
  };
}

/** @throws TransPruneError INVALID_ARGUMENT for a name that the decoder has not */
function checkOutputs(wanted: readonly string[] | undefined, { outputs }: Session): void {
  const unknown = wanted?.find((name) => !outputs.some((output) => output.name === name));
  if (unknown === undefined) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `outputs must be names of the decoder's outputs, got ${JSON.stringify(unknown)}; what a decoder gives out is chosen when it is pruned (trace, taps)`,
    { field: 'outputs', got: unknown },
  );
}

/** Cancels when the signal says so. */
function follow({ done }: Task, signal: AbortSignal | undefined, cancel: () => void): void {
  if (!signal) return;
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  void done.then(() => signal.removeEventListener('abort', cancel));
}

interface Desk {
  submit(request: EngineRequest, conversation: Conversation): Task;
  cancel(task: Task): void;
}

function createChat(conversation: Conversation, desk: Desk, forget: () => void): Chat {
  const turns = new Set<Task>();
  let isLeft = false;
  return {
    ask(turn: ChatTurn): AsyncIterable<EngineEvent> {
      if (isLeft || conversation.isOver) return failedStream(conversationIsOver());
      const fault = requestFault(turn, 'turn');
      if (fault) return failedStream(fault);
      const task = desk.submit(turn, conversation);
      turns.add(task);
      void task.done.then(() => turns.delete(task));
      return task.events;
    },
    async dispose() {
      isLeft = true;
      const running = [...turns];
      for (const task of running) desk.cancel(task);
      await Promise.all(running.map(({ done }) => done));
      conversation.dispose();
      forget();
    },
  };
}
