export {
  createNodeBackend,
  type NodeBackend,
  type NodeBackendOptions,
  nodeBackend,
} from './backend.js';
export { type NodeDevice, nodeDevices } from './devices.js';
export { type PeakMemoryOptions, peakMemory } from './memory.js';
export type { SessionOptions } from './open.js';
export { type DeviceProbe, probeDevices, type Versions, versions } from './probe.js';
export { type ProfiledRun, readProfile } from './profile.js';
