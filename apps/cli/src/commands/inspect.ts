import { externalLocations, type Inspection, inspectModel, readPlan } from '@transprune/onnx';
import type { Command } from 'commander';
import { example } from '../help.js';
import type { Io } from '../io.js';
import { findDecoder } from '../model/find.js';
import { addFileOptions, type FileOptions, modelForms } from '../options/model-options.js';
import {
  addPlanOptions,
  choosePlan,
  isPlanGiven,
  type PlanOptions,
} from '../options/plan-options.js';
import { showPruned, showStructure } from '../show/structure.js';
import { type Block, table } from '../show/table.js';
import { addOutputOptions, createTerminal, type OutputOptions } from '../terminal.js';

type Options = FileOptions & PlanOptions & OutputOptions;

export function addInspectCommand(program: Command, io: Io): void {
  const command = program
    .command('inspect')
    .description(
      'Show what a decoder is made of, what pruning would change, and if it cannot be pruned, why. Reads no weights.',
    )
    .argument('<model>', `decoder as an .onnx file; or ${modelForms}`);
  addPlanOptions(addFileOptions(command));
  addOutputOptions(command)
    .addHelpText(
      'after',
      example(
        'transprune inspect decoder_model_merged.onnx',
        'transprune inspect decoder_model_merged.onnx --prune-after 4,8 --keep .5,.25',
      ),
    )
    .action((name: string, options: Options) => inspect(name, options, isPlanGiven(command), io));
}

async function inspect(name: string, options: Options, isGiven: boolean, io: Io): Promise<void> {
  const { readModelFile } = await import('@transprune/files/node');
  const terminal = createTerminal(io, options);
  const path = await findDecoder(name, options, { io, terminal });
  const model = await readModelFile(path);
  const inspection = inspectModel(
    model,
    isGiven ? { plan: (layers) => choosePlan(options, layers).plan } : {},
  );
  const document = {
    path,
    ...withNulls(inspection),
    inputs: model.graph?.input.map(({ name }) => name) ?? [],
    outputs: model.graph?.output.map(({ name }) => name) ?? [],
    externalData: externalLocations(model),
    plan: readPlan(model) ?? null,
  };
  terminal.result(document, () => show(document, showStructure(inspection)));
}

const optionalFields = [
  'reason',
  'refusal',
  'trial',
  'layers',
  'hiddenSize',
  'heads',
  'kvHeads',
  'headDim',
  'intermediateSize',
  'vocabularySize',
] as const satisfies readonly (keyof Inspection)[];

/** The same with null where the graph does not tell, so that every document has every field. */
function withNulls(inspection: Inspection) {
  const unknown = Object.fromEntries(optionalFields.map((name) => [name, null]));
  return { ...unknown, ...inspection } as Omit<Inspection, (typeof optionalFields)[number]> & {
    [Field in (typeof optionalFields)[number]]: NonNullable<Inspection[Field]> | null;
  };
}

type Document = ReturnType<typeof withNulls> & {
  readonly path: string;
  readonly externalData: readonly string[];
  readonly plan: ReturnType<typeof readPlan> | null;
};

function show(document: Document, structure: string): Block[] {
  const { path, plan, reason, externalData } = document;
  const or = (value: number | null) => `${value ?? 'unknown'}`;
  const rows = [
    ['layers', or(document.layers)],
    ['hidden size', or(document.hiddenSize)],
    ['heads', or(document.heads)],
    ['kv heads', or(document.kvHeads)],
    ['head_dim', or(document.headDim)],
    ['MLP size', or(document.intermediateSize)],
    ['vocabulary', or(document.vocabularySize)],
    ['attention family', document.attentionFamily],
    ['exporter family', document.exporterFamily],
    ['producer', document.producer || 'not named'],
    ['operator set', `${document.opset}`],
    ['nodes', `${document.nodes}`],
    ['external data', externalData.join(', ') || 'none'],
    ['prunable', document.prunable ? 'yes' : 'no'],
    ['caches', document.cacheModes.join(' or ') || 'unknown'],
  ];
  if (plan) {
    const known = rows.filter(([, value]) => value !== 'unknown');
    return [path, showPruned(plan), table([], known), structure];
  }
  return [path, table([], rows), structure, ...(reason ? [`Not prunable: ${reason}.`] : [])];
}
