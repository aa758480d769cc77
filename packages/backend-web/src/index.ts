export {
  createWebBackend,
  type WebBackend,
  type WebBackendOptions,
  webBackend,
} from './backend.js';
export { type SessionOptions, type WebDevice, webDevices } from './open.js';
