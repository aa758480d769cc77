import type { Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { table } from '../show/table.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';
import { version } from '../version.js';

export function addDoctorCommand(program: Command, io: Io): void {
  addOutputOptions(
    program
      .command('doctor')
      .description('Show versions, which devices work here, and why the others do not.'),
  )
    .addHelpText('after', example('transprune doctor'))
    .action((options: OutputOptions) => doctor(options, io));
}

async function doctor(options: OutputOptions, io: Io): Promise<void> {
  const terminal = createTerminal(io, options);
  const { versions } = await import('@transprune/backend-node');
  const { probeElsewhere } = await import('../doctor/probe.js');
  terminal.info('running a tiny decoder on every device');
  const found = { transprune: version, ...versions() };
  const { devices, said } = await probeElsewhere(io.signal);
  if (said !== '') terminal.detail(said.trimEnd());
  terminal.result({ versions: found, devices }, () => [
    table(
      [],
      Object.entries(found).map(([name, value]) => [name, value]),
    ),
    ...devices.map(({ device, ok, reason }) => `${device}: ${ok ? 'works' : `no, ${reason}`}`),
  ]);
}
