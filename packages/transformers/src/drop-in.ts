/** The two ways in: a class that loads models with a pruned decoder, and a model that gets one. */
import type { PreTrainedModel } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { attachPruning, type LibraryModel, noPruning } from './attach.js';
import { checkNames, checkValues } from './check-options.js';
import { decoderOpening, type Outcome } from './decoder-opening.js';
import { optionsOpening, watch } from './opening.js';
import type { ModelPruning, PruningOptions } from './options.js';
import type { Platform } from './platform.js';
import { type RuntimeSession, sessionClassOf } from './runtime.js';
import { sessionClass } from './session-class.js';

type LoadOptions = NonNullable<Parameters<typeof PreTrainedModel.from_pretrained>[1]>;

/** A class of transformers.js that models are loaded with. */
export interface ModelLoader<Model> {
  from_pretrained(id: string, options?: LoadOptions): Promise<Model>;
}

/** A model whose decoder prunes itself. Its `generate` takes `pruning` too, a `PruningCall`. */
export type PrunedModel<Model> = Model & { readonly pruning: ModelPruning };

/** Where a loaded model's decoder is found once more, and how it is pruned. */
export interface WithPruningOptions
  extends PruningOptions,
    Omit<LoadOptions, 'config' | 'model_file_name'> {
  /** What the model was loaded from: its id, or its folder. */
  readonly from: string;
}

export interface DropIn {
  /**
   * A class with a `from_pretrained` that loads models with a pruned decoder, else as the class itself does.
   *
   * @throws TransPruneError INVALID_ARGUMENT for an option that there is not; from `from_pretrained`: UNSUPPORTED_MODEL with the reason for a decoder that cannot
   *   be pruned, INVALID_PLAN for a plan that does not fit it, INVALID_ARGUMENT for keep ratios that do not fit
   *   the plan, WRITE_FAILED in Node if the new decoder cannot be kept
   */
  pruned<Model extends PreTrainedModel>(
    Class: ModelLoader<Model>,
    options?: PruningOptions,
  ): ModelLoader<PrunedModel<Model>>;
  /**
   * Gives a model that is loaded a pruned decoder. The old one is freed before the new one is opened; one that
   * cannot be pruned stays.
   *
   * @returns the same model
   * @throws TransPruneError as `from_pretrained` of a pruned class does, INVALID_ARGUMENT for a model that is
   *   pruned already
   */
  withPruning<Model extends PreTrainedModel>(
    model: Model,
    options: WithPruningOptions,
  ): Promise<PrunedModel<Model>>;
}

/** The two ways in, on a platform. */
export function dropIn(platform: Platform): DropIn {
  return {
    pruned(Class, options = {}) {
      checkNames(options);
      checkValues(options);
      return {
        async from_pretrained(id, load = {}) {
          watch(await sessionClass(platform));
          const { open, outcome } = decoderOpening(platform, options);
          const model = await Class.from_pretrained(id, {
            ...load,
            session_options: optionsOpening(load.session_options, open),
          });
          try {
            return settle(model, outcome, options);
          } catch (error) {
            await model.dispose();
            throw error;
          }
        },
      };
    },
    async withPruning(model, { from, session_options, ...options }) {
      checkValues(options);
      const decoder = decoderOf(model);
      watch(sessionClassOf(decoder));
      const { open, outcome } = decoderOpening(platform, options, decoder);
      const { device, dtype } = decoder.config ?? {};
      await baseClass(model).from_pretrained(from, {
        ...({ device, dtype } as LoadOptions),
        ...options,
        // Of no type that the library could know better.
        config: { ...model.config, model_type: 'custom' } as never,
        model_file_name: 'decoder_model_merged',
        session_options: optionsOpening({ ...cachesOnDevice(decoder), ...session_options }, open),
      });
      return settle(model, outcome, options);
    },
  };
}

/** Lets a model run on the decoder that was opened for it. */
function settle<Model extends PreTrainedModel>(
  model: Model,
  { session, refusal, error }: Outcome,
  { onUnsupported = 'throw', onPruned }: PruningOptions,
): PrunedModel<Model> {
  if (error) throw error;
  const own = model as unknown as LibraryModel;
  const reason = refusal ?? modelFault(own, session !== undefined);
  if (reason && onUnsupported === 'throw') throw reason;
  if (reason) console.warn(`transprune: the model is not pruned: ${reason.message}`);
  if (session && !reason) attachPruning(own, session, onPruned);
  else noPruning(own, reason?.message);
  return model as PrunedModel<Model>;
}

function modelFault(model: LibraryModel, hasDecoder: boolean): TransPruneError | undefined {
  if (hasDecoder && model._merge_input_ids_with_image_features) return undefined;
  const found = hasDecoder
    ? 'a class that merges no image features'
    : `sessions ${Object.keys(model.sessions).join(', ')}`;
  return new TransPruneError(
    'UNSUPPORTED_MODEL',
    `expected a vision-language model that merges image features into what its decoder_model_merged takes, got ${model.constructor.name} with ${found}; load it without pruning`,
    { class: model.constructor.name },
  );
}

/** @throws TransPruneError */
function decoderOf(model: PreTrainedModel): RuntimeSession {
  const own = model as unknown as LibraryModel;
  if (own.pruning && own.pruning.plan.stages.length > 0) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      'expected a model that is not pruned yet, got one that is; load it again to prune it otherwise',
    );
  }
  const decoder = own.sessions.decoder_model_merged as RuntimeSession | undefined;
  const fault = modelFault(own, decoder !== undefined);
  if (fault || !decoder) throw fault;
  return decoder;
}

/** The library's base class: loaded by it, a model's decoder stands alone. */
function baseClass(model: PreTrainedModel): typeof PreTrainedModel {
  let base = model.constructor as typeof PreTrainedModel;
  while (!Object.hasOwn(base, 'from_pretrained')) base = Object.getPrototypeOf(base);
  return base;
}

/** On WebGPU caches stay there, as the library has it for the decoders of its classes. */
function cachesOnDevice({ config, outputNames }: RuntimeSession): object {
  if (config?.device !== 'webgpu') return {};
  const caches = outputNames.filter((name) => name.startsWith('present'));
  return {
    preferredOutputLocation: Object.fromEntries(caches.map((name) => [name, 'gpu-buffer'])),
  };
}
