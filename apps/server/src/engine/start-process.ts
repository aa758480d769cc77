/** Engines in processes of their own: one that dies takes nobody with it. */
import { type ChildProcess, fork } from 'node:child_process';
import { connectEngine, type EnginePort } from '@transprune/vlm/client';
import type { DownloadNotice } from './download.js';
import type { EngineHandle } from './handle.js';
import type { EngineSettings, ModelFacts } from './model-facts.js';

/** How long an engine may take to end in order before it is killed. */
const stopMs = 5000;

export interface StartOptions {
  /** Ends it while it loads. */
  readonly signal: AbortSignal;
  /** Is told how far a model is that it fetches. */
  readonly onDownload?: (notice: DownloadNotice) => void;
}

/**
 * Starts an engine.
 *
 * @param program path of the built `engine-process`
 * @throws TransPruneError what opening the model failed with, RUN_FAILED if the process died
 */
export async function startEngineProcess(
  program: string,
  settings: EngineSettings,
  { signal, onDownload = () => {} }: StartOptions,
): Promise<EngineHandle> {
  const child = fork(program, [JSON.stringify(settings)], {
    serialization: 'advanced',
    execArgv: [],
    // What libraries print goes where the log goes not.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
  });
  // A message that cannot be sent any more; that the process is gone is told by its exit.
  child.on('error', () => {});
  let isGone = false;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      isGone = true;
      resolve();
    });
  });
  const kill = () => void child.kill('SIGKILL');
  const facts = factsOf(child);
  child.on('message', (message) => {
    if (isMessage(message, 'download')) onDownload(message.download as DownloadNotice);
  });
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  try {
    const engine = await connectEngine(portOf(child));
    const stop = async () => {
      const timer = setTimeout(kill, stopMs);
      await engine.dispose().catch(() => {});
      if (child.connected) child.disconnect();
      await gone;
      clearTimeout(timer);
    };
    return {
      engine,
      facts: await facts,
      gone,
      get isGone() {
        return isGone;
      },
      stop,
      kill,
    };
  } catch (error) {
    kill();
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function portOf(child: ChildProcess): EnginePort {
  return {
    postMessage(message) {
      if (child.connected) child.send(message as object);
    },
    on: (type, listener) => child.on(type, listener),
    off: (type, listener) => child.off(type, listener),
  };
}

/** They come before the engine greets. */
function factsOf(child: ChildProcess): Promise<ModelFacts> {
  return new Promise((resolve) => {
    const listener = (message: unknown) => {
      if (!isMessage(message, 'facts')) return;
      child.off('message', listener);
      resolve(message.facts as ModelFacts);
    };
    child.on('message', listener);
  });
}

/** True for a message of this kind from the program, which is our own. */
function isMessage<Kind extends 'facts' | 'download'>(
  message: unknown,
  kind: Kind,
): message is Readonly<Record<Kind, unknown>> {
  return typeof message === 'object' && message !== null && kind in message;
}
