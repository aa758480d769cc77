import { type Command, Option } from 'commander';

export interface DeviceOptions {
  readonly device: string;
}

const devices = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

/** Adds `--device`. */
export function addDeviceOption(command: Command): Command {
  return command.addOption(
    new Option('--device <name>', 'what runs the model').choices(devices).default('auto'),
  );
}
