/** How many nodes a prefill and a decode step execute, from the runtime's own profile. */
import { join } from 'node:path';
import { createNodeBackend, type ProfiledRun, readProfile } from '@transprune/backend-node';
import { type PromptSizes, promptCall, tokenCall } from '@transprune/bench';
import { DecoderSession, type ModelSource, openSession } from '@transprune/session';

/** Nodes that the runtime executes, on whatever device each of them runs. */
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

export interface NodesOptions {
  readonly device: string;
  /** Of the CPU. */
  readonly threads: number;
  /** An empty folder, for the profile. */
  readonly folder: string;
  readonly sizes: PromptSizes;
}

/** Runs a prompt and a token once, with onnxruntime's profile on. */
export async function executedNodes(
  source: ModelSource,
  { device, threads, folder, sizes }: NodesOptions,
): Promise<ExecutedNodes> {
  const profilePrefix = join(folder, 'profile');
  const session = await openSession(createNodeBackend({ profilePrefix, threads }), source, device);
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
