/** Memory of a server's processes, by what Linux tells. */
import { readdirSync, readFileSync } from 'node:fs';

/** Resident MiB of this process' children by the name of their program, and of this one. */
export function residentMebibytes(): Record<string, number> {
  const found: Record<string, number> = { server: 0 };
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const read = (file: string) => readFileSync(`/proc/${name}/${file}`, 'utf8');
      const [, parent] = /^PPid:\s+(\d+)/m.exec(read('status')) ?? [];
      const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(read('status')) ?? [];
      const isServer = Number(name) === process.pid;
      if (!isServer && Number(parent) !== process.pid) continue;
      const [, program = 'other'] = /([\w-]+)-process\.js/.exec(read('cmdline')) ?? [];
      const who = isServer ? 'server' : program;
      found[who] = (found[who] ?? 0) + Math.round(Number(kibibytes) / 1024);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}
