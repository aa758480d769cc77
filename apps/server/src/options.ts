import type { PrunePlan } from '@transprune/core';
import { modelDirectory } from '@transprune/embedded-model';
import type { ModelDescriptor } from '@transprune/files';
import type { Logger } from 'pino';
import type { Limits } from './limits/limits.js';

export interface ServerOptions {
  /** The small model that comes along, if left out. */
  readonly model?: ModelDescriptor | undefined;
  /** Opens a model of the hub from what was fetched before; nothing is asked of the network. */
  readonly offline?: boolean | undefined;
  /** What clients call the model; its folder's or its hub name if left out. */
  readonly modelName?: string | undefined;
  /** What is kept unless a request says otherwise: `transprune-high` if left out. */
  readonly preset?: string | undefined;
  /** In place of a preset. */
  readonly plan?: PrunePlan | undefined;
  /** One of the backend's devices; the best that works if left out. */
  readonly device?: string | undefined;
  /** Engines, each a process with a copy of the model; 1 if left out. */
  readonly engines?: number | undefined;
  /** Threads of an engine's sessions; onnxruntime chooses if left out. */
  readonly threads?: number | undefined;
  /** Bytes of image features that each engine keeps for the same pictures to come; 256 MiB if left out. */
  readonly visionCacheBytes?: number | undefined;
  /** Those that differ from `defaultLimits`. */
  readonly limits?: Partial<Limits> | undefined;
  /** Whoever has one of them may ask; everybody if left out. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Hosts that pictures are fetched from, such as `images.example.org` or `*.example.org`; none if left out. */
  readonly imageHosts?: readonly string[] | undefined;
  /** Where the log goes; JSON lines on stderr if left out. */
  readonly log?: Logger | undefined;
  /** Logs texts of prompts and answers too. */
  readonly logContent?: boolean | undefined;
}

/** What a model is called if nobody says so. */
export function nameOf(model: ModelDescriptor): string {
  if ('hub' in model) return model.hub;
  const path = 'folder' in model ? model.folder : new URL(model.url).pathname;
  if (path === modelDirectory) return 'transprune-embedded';
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? 'model';
}
