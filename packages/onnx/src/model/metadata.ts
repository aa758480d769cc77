/** The plan travels in the model's metadata, so that a pruned file says what was done to it. */
import { create } from '@bufbuild/protobuf';
import type { PrunePlan } from '@transprune/core';
import { type StringStringEntryProto, StringStringEntryProtoSchema } from '../proto/onnx_pb.js';
import type { OnnxModel } from './codec.js';

const planKey = 'transprune.plan';

/** The plan that a model was pruned with; undefined for an original. */
export function readPlan(model: OnnxModel): PrunePlan | undefined {
  const entry = model.metadataProps.find(({ key }) => key === planKey);
  return entry && (JSON.parse(entry.value) as PrunePlan);
}

/** The model's metadata with the plan added. */
export function metadataWithPlan(model: OnnxModel, plan: PrunePlan): StringStringEntryProto[] {
  const entry = create(StringStringEntryProtoSchema, { key: planKey, value: JSON.stringify(plan) });
  return [...model.metadataProps, entry];
}
