import { type Command, Option } from 'commander';

export interface DeviceOptions {
  readonly device: string;
}

const devices = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

/** Adds `--device`. */
export function addDeviceOption(command: Command, description = 'what runs the model'): Command {
  return command.addOption(
    new Option('--device <name>', description).choices(devices).default('auto'),
  );
}
