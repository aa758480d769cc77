import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** SwiftShader, a graphics card in software, where Chromium and Chrome bring it along. */
const swiftShader = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib64/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];

/** The Vulkan driver that tests can use; undefined where there is none. */
export function vulkanDriver(): string | undefined {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES } = process.env;
  return VK_ICD_FILENAMES ?? VK_DRIVER_FILES ?? swiftShader.find((path) => existsSync(path));
}

/** Where a session's nodes are, and what it moves between the two. */
export interface Placements {
  /** Names of the nodes. */
  readonly cpu: readonly string[];
  readonly gpu: readonly string[];
  /** Names of the values that are copied from the graphics card, and to it. */
  readonly toHost: readonly string[];
  readonly fromHost: readonly string[];
}

const openAndTell = `
  const { InferenceSession } = require('onnxruntime-node');
  const [path] = process.argv.slice(1);
  const options = { executionProviders: ['webgpu'], logSeverityLevel: 0, logVerbosityLevel: 1 };
  InferenceSession.create(path, options).then((session) => session.release());`;

/**
 * Opens a model on WebGPU in a process of its own, and reads what onnxruntime says about it.
 *
 * @throws Error with the end of its output if it says nothing about nodes
 */
export function webgpuPlacements(path: string, driver: string): Placements {
  const { stderr } = spawnSync(process.execPath, ['-e', openAndTell, path], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, VK_ICD_FILENAMES: driver },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const cpu: string[] = [];
  const gpu: string[] = [];
  let list: string[] | undefined;
  for (const [, text = ''] of stderr.matchAll(/ VerifyEachNodeIsAssignedToAnEp\] (.*)/g)) {
    const [, provider] = /placed on \[(\w+)\]/.exec(text) ?? [];
    const [, name] = /^\s*\S+ \((.+)\)$/.exec(text) ?? [];
    if (provider !== undefined) list = provider.startsWith('WebGpu') ? gpu : cpu;
    else if (name !== undefined) list?.push(name);
  }
  if (gpu.length === 0) throw new Error(`no placements from onnxruntime: ${stderr.slice(-2000)}`);
  const copied = (pattern: RegExp) =>
    Array.from(stderr.matchAll(pattern), ([, name]) => name ?? '');
  return {
    cpu,
    gpu,
    toHost: copied(/Add MemcpyToHost before (\S+) for/g),
    fromHost: copied(/Add MemcpyFromHost after (\S+) for/g),
  };
}
