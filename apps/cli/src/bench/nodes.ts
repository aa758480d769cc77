/** How many nodes a prefill and a decode step execute, from the runtime's own profile. */
import { join } from 'node:path';
import { createNodeBackend, type ProfiledRun, readProfile } from '@transprune/backend-node';
import { DecoderSession, type ModelSource, openSession } from '@transprune/session';
import { type PromptSizes, promptCall, tokenCall } from './prompt.js';

/** Nodes executed; on a device that is not the CPU, its kernels apart. */
export interface ExecutedNodes {
  readonly prefill: NodeCount;
  readonly step: NodeCount;
}

export interface NodeCount {
  /** All, on whatever device. */
  readonly nodes: number;
  /** By device, as onnxruntime names its providers. */
  readonly byProvider: Readonly<Record<string, number>>;
}

/**
 * Runs a prompt and a token once, with onnxruntime's profile on.
 *
 * @param folder an empty folder, for the profile
 */
export async function executedNodes(
  source: ModelSource,
  { device, folder, sizes }: { device: string; folder: string; sizes: PromptSizes },
): Promise<ExecutedNodes> {
  const profilePrefix = join(folder, 'profile');
  const session = await openSession(createNodeBackend({ profilePrefix }), source, device);
  const decoder = new DecoderSession(session, { cacheSizes: sizes });
  (await decoder.prefill(promptCall(sizes))).logits.dispose();
  (await decoder.step(tokenCall(sizes, 0))).logits.dispose();
  decoder.dispose();
  await session.dispose();
  const [prefill, step] = await readProfile(profilePrefix);
  return { prefill: countOf(prefill), step: countOf(step) };
}

function countOf(run: ProfiledRun | undefined): NodeCount {
  return { nodes: run?.nodes ?? 0, byProvider: run?.nodesByProvider ?? {} };
}
