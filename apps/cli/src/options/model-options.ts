import { type NumberFormat, numberFormats } from '@transprune/files';
import { type Command, Option } from 'commander';

/** Where a model of the hub is taken from. */
export interface HubOptions {
  readonly revision?: string;
  readonly offline?: boolean;
}

/** Which of a model's files to take, and from where. */
export interface FileOptions extends HubOptions {
  readonly format?: NumberFormat;
}

export interface ModelOptions extends FileOptions {
  /** A folder, or an id on the hub; what `TRANSPRUNE_MODEL` names, or the small one that comes along, if left out. */
  readonly model?: string;
}

/** How models are named, for help texts. */
export const modelForms = 'model folder, or owner/name on the Hugging Face hub';

/** Adds `--model` and what goes with it. */
export function addModelOptions(command: Command, forms = modelForms): Command {
  command.option(
    '--model <model>',
    `${forms} (default: TRANSPRUNE_MODEL, or the small one that comes along)`,
  );
  return addFileOptions(command);
}

/** Adds `--revision`, `--format` and `--offline`. */
export function addFileOptions(command: Command): Command {
  return addHubOptions(command).addOption(
    new Option(
      '--format <name>',
      "of the decoder's weights, and of the other graphs' where they have it (default: the nearest to float32 that there is)",
    ).choices(numberFormats),
  );
}

/** Adds `--revision` and `--offline`. */
export function addHubOptions(command: Command): Command {
  return command
    .option('--revision <name>', 'branch, tag or commit of a model on the hub (default: main)')
    .option('--offline', 'ask nothing of the network, as HF_HUB_OFFLINE=1 does');
}
