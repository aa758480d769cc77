/** A trace as a file, and what is shown as a trace. */
import type { Trace } from '../trace/trace.js';
import { plan } from './plan.js';
import { grid, model, picture, shown } from './store.js';

/** What is shown, as plain data; undefined until there is a pruned answer. */
export function currentTrace(): Trace | undefined {
  const { value: current } = shown;
  const { value: pictured } = picture;
  if (!current?.answers.pruned || !pictured) return undefined;
  const { value: loaded } = model;
  const stages = current.stages.map(({ afterLayer, keepRatio }) => ({ afterLayer, keepRatio }));
  return {
    format: 'transprune-trace',
    version: 1,
    model: 'embedded',
    device: loaded.phase === 'ready' ? loaded.facts.device : 'prepared',
    question: current.question,
    picture: {
      name: pictured.name,
      width: pictured.image.width,
      height: pictured.image.height,
      url: pictured.url,
    },
    grid,
    plan: { ...plan.value, stages },
    imageTokens: current.imageTokens,
    textTokens: current.textTokens,
    ...(current.answers.unpruned && { unpruned: current.answers.unpruned }),
    pruned: current.answers.pruned,
    stages: current.stages,
    layers: current.layers,
  };
}

/** Downloads the trace. */
export function saveTrace(): void {
  const trace = currentTrace();
  if (trace) saveFile(`${JSON.stringify(trace)}\n`, 'trace.json', 'application/json');
}

export function saveFile(content: BlobPart, name: string, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
