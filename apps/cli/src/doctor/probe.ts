/** Tries devices in a process of its own: drivers write to its stderr what means nothing to users. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { type DeviceProbe, probeDevices } from '@transprune/backend-node';

const program = `
const { probeDevices } = await import(process.argv[1]);
const probes = await probeDevices();
process.stdout.write(JSON.stringify(probes), () => process.exit(0));`;

export interface Probed {
  readonly devices: readonly DeviceProbe[];
  /** What drivers wrote. */
  readonly said: string;
}

/** @param signal ends the other process */
export async function probeElsewhere(signal: AbortSignal): Promise<Probed> {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('@transprune/backend-node'));
  const parameters = ['--input-type=module', '-e', program, library.href];
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const failed = new Promise<never>((_, reject) => child.on('error', reject));
  const [found, said] = await Promise.race([
    Promise.all([text(child.stdout), text(child.stderr)]),
    failed,
  ]);
  // Where there can be no such process, or it broke, this one does it.
  if (found === '') return { devices: await probeDevices(), said };
  return { devices: JSON.parse(found), said };
}
