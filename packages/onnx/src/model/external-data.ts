import { create } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  type TensorProto_DataType,
  TensorProtoSchema,
} from '../proto/onnx_pb.js';
import type { OnnxModel } from './codec.js';

/** Files that hold weights outside the model, as the model names them, each once. */
export function externalLocations(model: OnnxModel): string[] {
  const locations = (model.graph?.initializer ?? [])
    .filter(({ dataLocation }) => dataLocation === TensorProto_DataLocation.EXTERNAL)
    .flatMap(({ externalData }) => externalData.filter(({ key }) => key === 'location'))
    .map(({ value }) => value);
  return [...new Set(locations)];
}

/** The same model with every external file named anew; offsets and lengths stay. */
export function relocateExternalData(
  model: OnnxModel,
  rename: (location: string) => string,
): OnnxModel {
  if (!model.graph) return model;
  const initializer = model.graph.initializer.map((tensor) =>
    tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
      ? create(TensorProtoSchema, {
          ...tensor,
          externalData: tensor.externalData.map((entry) =>
            entry.key === 'location' ? { ...entry, value: rename(entry.value) } : entry,
          ),
        })
      : tensor,
  );
  const graph = create(GraphProtoSchema, { ...model.graph, initializer });
  return create(ModelProtoSchema, { ...model, graph });
}

/** Where a tensor's bytes lie; offset and length in bytes. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A tensor whose data lies in another file. */
export function externalTensor(
  name: string,
  dataType: TensorProto_DataType,
  dims: readonly number[],
  { location, offset, length }: ExternalPlace,
): TensorProto {
  const entries = { location, offset: `${offset}`, length: `${length}` };
  return create(TensorProtoSchema, {
    name,
    dataType,
    dims: dims.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
  });
}
