/** What a pruned graph takes and gives besides what the original does, in words. */
import type { PrunePlan } from '@transprune/core';
import {
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  keptOutput,
  lengthOutput,
  maskOutput,
  pastLengthInput,
  pastMaskInput,
  scoreOutput,
} from '@transprune/core';
import type { OnnxModel } from '@transprune/onnx';

/** An input or output that the pruning added. */
export interface AddedValue {
  readonly name: string;
  readonly type: string;
  /** Numbers, or names of sizes that are open. */
  readonly shape: readonly (number | string)[];
  /** What to feed, or what it says. */
  readonly meaning: string;
}

export interface AddedInterface {
  readonly addedInputs: readonly AddedValue[];
  readonly addedOutputs: readonly AddedValue[];
}

type Info = NonNullable<OnnxModel['graph']>['input'][number];

/** Compares a pruned model with the one that it was made from. */
export function addedInterface(
  original: OnnxModel,
  pruned: OnnxModel,
  plan: PrunePlan,
): AddedInterface {
  const meanings = meaningsOf(plan);
  const added = (before: readonly Info[] = [], after: readonly Info[] = []): AddedValue[] => {
    const known = new Set(before.map(({ name }) => name));
    return after
      .filter(({ name }) => !known.has(name))
      .map((info) => ({ ...typeOf(info), meaning: meanings.get(info.name) ?? '' }));
  };
  return {
    addedInputs: added(original.graph?.input, pruned.graph?.input),
    addedOutputs: added(original.graph?.output, pruned.graph?.output),
  };
}

function meaningsOf({ stages, perImage }: PrunePlan): ReadonlyMap<string, string> {
  const ratios = stages.map(({ keepRatio }) => keepRatio).join(', ');
  const isImage = perImage
    ? '1, 2, 3, ... at the tokens of the first, second, third, ... image'
    : '1 at image tokens';
  return new Map([
    [imageMaskInput, `${isImage}, 0 at text and while decoding`],
    [
      instructionMaskInput,
      '1 at tokens whose attention is asked; all 0: those after the last image',
    ],
    [keepRatiosInput, `share of the image tokens that each prune leaves; the plan's: ${ratios}`],
    ...stages.flatMap(({ afterLayer }, stage): [string, string][] => [
      [pastMaskInput(stage), `${maskOutput(stage)} of the step before; empty at the start`],
      [maskOutput(stage), `goes with the caches after layer ${afterLayer}; 0 at padding`],
      [pastLengthInput(stage), `${lengthOutput(stage)} of the step before; 0 at the start`],
      [lengthOutput(stage), `tokens that the caches after layer ${afterLayer} hold`],
      [keptOutput(stage), `tokens left after layer ${afterLayer}, as places in the input`],
      [scoreOutput(stage), `scores after layer ${afterLayer}, 0 at text`],
    ]),
  ]);
}

/** Element types of what the pruning adds, by their number in ONNX. */
const elementTypes: Readonly<Record<number, string>> = { 1: 'float32', 7: 'int64' };

function typeOf({ name, type }: Info): Omit<AddedValue, 'meaning'> {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
  const shape = tensor?.shape?.dim.map(({ value }) =>
    value.case === 'dimValue' ? Number(value.value) : (value.value ?? '?'),
  );
  return { name, type: elementTypes[tensor?.elemType ?? 0] ?? 'unknown', shape: shape ?? [] };
}

/** Lines on what was added; none where nothing was. */
export function showInterface({ addedInputs, addedOutputs }: AddedInterface): string[] {
  const lines = (title: string, values: readonly AddedValue[]) =>
    values.length === 0
      ? []
      : [
          title,
          ...values.map(
            ({ name, type, shape, meaning }) =>
              `  ${name}: ${type} [${shape.join(', ')}], ${meaning}`,
          ),
        ];
  return [
    ...lines('Inputs to feed besides', addedInputs),
    ...lines('Outputs besides', addedOutputs),
  ];
}
