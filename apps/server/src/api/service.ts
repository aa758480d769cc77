/** What the endpoints share. */
import type { Logger } from 'pino';
import type { ModelFacts } from '../engine/model-facts.js';
import type { EnginePool } from '../engine/pool.js';
import type { ImageDecoder } from '../images/decoder.js';
import type { RemoteImages } from '../images/remote.js';
import type { Bodies } from '../limits/bodies.js';
import type { CheckKey } from '../limits/keys.js';
import type { Limits } from '../limits/limits.js';
import type { Metrics } from '../metrics/metrics.js';

export interface Service {
  /** What clients call the model. */
  readonly modelName: string;
  /** Seconds since 1970 at which it was loaded. */
  readonly created: number;
  readonly version: string;
  readonly facts: ModelFacts;
  readonly limits: Limits;
  readonly bodies: Bodies;
  readonly pool: EnginePool;
  readonly decoder: ImageDecoder;
  readonly remote: RemoteImages;
  readonly imageHosts: readonly string[];
  readonly metrics: Metrics;
  readonly checkKey: CheckKey;
  readonly log: Logger;
  /** Prompts and answers are logged too. */
  readonly logContent: boolean;
  /** Aborted when answers have to end because the server does. */
  readonly shutdown: AbortSignal;
}
