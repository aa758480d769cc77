/** A pruned model for other servers. */
export { inferenceService, resourceNameOf } from './kserve.js';
export { type ExportedRepository, exportTriton, type TritonExport } from './triton.js';
