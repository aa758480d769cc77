import type { NodeProto } from '../../proto/onnx_pb.js';
import type { AttentionReading, LayerCacheNames } from '../decoder.js';
import type { ClassifiedGraph } from '../stream.js';

/** Where a layer's attention is looked for. */
export interface AttentionSite {
  /** The layer, for messages. */
  readonly where: string;
  readonly cache: LayerCacheNames;
  /** The node that makes the present key, copies left aside. */
  readonly presentKeyNode: NodeProto;
}

/** One way in which exporters express attention. A new one is a file beside this and a line there. */
export interface AttentionFamily {
  readonly name: string;
  /**
   * Reads the attention behind a cache.
   *
   * @returns undefined if it is not of this family
   * @throws TransPruneError UNSUPPORTED_MODEL for a variant of the family that is not supported
   */
  read(graph: ClassifiedGraph, site: AttentionSite): AttentionReading | undefined;
}
