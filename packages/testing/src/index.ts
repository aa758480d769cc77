export type {
  CacheSizes,
  DecoderStep,
  StepOptions,
  TestDecoder,
} from './decoder-session.js';
export { decoderSession } from './decoder-session.js';
export { type OfficialDistance, officialDistance } from './official-answers.js';
export { openDecoder } from './open-decoder.js';
