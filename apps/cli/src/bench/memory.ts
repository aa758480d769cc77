/** Peak memory of a prefill. */
import { readFileSync, writeFileSync } from 'node:fs';
import { DecoderSession, type Session } from '@transprune/session';
import { type PromptSizes, promptCall } from './prompt.js';

/**
 * Most memory that opening a decoder and running one prompt takes, in bytes, over what the process held
 * before: weights, caches and whatever lies between. Only Linux lets a process forget its peak; null elsewhere.
 */
export async function peakOfPrefill(
  open: () => Promise<Session>,
  sizes: PromptSizes,
): Promise<number | null> {
  const before = forgetPeak();
  if (before === null) return null;
  const session = await open();
  const decoder = new DecoderSession(session, { cacheSizes: sizes });
  const { logits } = await decoder.prefill(promptCall(sizes));
  const peak = statusBytes('VmHWM');
  logits.dispose();
  decoder.dispose();
  await session.dispose();
  return peak === null ? null : peak - before;
}

/** Makes the current size the peak; null where that cannot be done. */
function forgetPeak(): number | null {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    return null;
  }
  return statusBytes('VmRSS');
}

function statusBytes(field: string): number | null {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ??
    [];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
