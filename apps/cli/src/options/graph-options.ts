import { methodNameOf, methodOf, type PrunePlan, TransPruneError } from '@transprune/core';
import { type CacheMode, cacheModes, type PruneOptions } from '@transprune/onnx';
import { type Command, Option } from 'commander';

/** What a pruned graph takes or gives besides what the plan needs. */
export interface GraphOptions {
  readonly trace?: boolean;
  readonly batch?: boolean;
  readonly runtimeRatios?: boolean;
  readonly instructionMask?: boolean;
  readonly exactAngles?: boolean;
  readonly cache?: CacheMode;
}

/** Adds `--trace`, `--batch`, `--runtime-ratios`, `--instruction-mask`, `--exact-angles` and `--cache`. */
export function addGraphOptions(command: Command): Command {
  return command
    .option('--trace', 'add outputs that tell which tokens each prune kept, and their scores')
    .option('--batch', 'serve several prompts at once, with padding')
    .option('--runtime-ratios', 'make the keep ratios an input, so that each run has its own')
    .option('--instruction-mask', 'add an input that marks the tokens whose attention is asked')
    .option('--exact-angles', 'do without the cosine and sine of devices, which may be inexact')
    .addOption(
      new Option(
        '--cache <kind>',
        'what caches are: growing, as long as what they hold, or fixed, buffers with room for more',
      )
        .choices(cacheModes)
        .default('growing'),
    );
}

/**
 * The options of the prune pass.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that mean nothing with this plan
 */
export function chooseGraphOptions(options: GraphOptions, plan: PrunePlan): Required<GraphOptions> {
  const { trace = false, batch = false, runtimeRatios = false, instructionMask = false } = options;
  const { exactAngles = false, cache = 'growing' } = options;
  const chosen = { trace, batch, runtimeRatios, instructionMask, exactAngles, cache };
  const pointless = Object.entries({
    '--batch': batch,
    '--runtime-ratios': runtimeRatios,
    '--instruction-mask': instructionMask,
    '--cache fixed': cache === 'fixed',
    '--per-image': plan.perImage,
  }).find(([, given]) => given)?.[0];
  if (pointless !== undefined && plan.stages.length === 0) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a plan that prunes with ${pointless}, got one without a stage; leave ${pointless} out, or name another preset`,
      { option: pointless },
    );
  }
  if (instructionMask && !methodOf(plan).needs.includes('instructionAttention')) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a method that asks for the instruction's attention with --instruction-mask, got ${methodNameOf(plan)}, which does not; leave one of the two out`,
      { option: '--instruction-mask', method: methodNameOf(plan) },
    );
  }
  return chosen satisfies PruneOptions;
}
