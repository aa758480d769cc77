// Preloaded into the executable: notes at its end how much memory it took and how much it read.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const io = existsSync('/proc/self/io') ? readFileSync('/proc/self/io', 'utf8') : '';
  const usage = {
    residentBytes: process.resourceUsage().maxRSS * 1024,
    // Everything that went through a read call; absent where the system does not count it.
    readBytes: Number(/^rchar: (\d+)$/m.exec(io)?.[1] ?? Number.NaN),
  };
  writeFileSync(process.env.USAGE_FILE, JSON.stringify(usage));
});
