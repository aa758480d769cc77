import { platform } from '#platform';
import { dropIn } from './drop-in.js';

export type { DropIn, ModelLoader, PrunedModel, WithPruningOptions } from './drop-in.js';
export type {
  ModelPruning,
  PrunedPrompt,
  PrunedStage,
  PruningCall,
  PruningOptions,
} from './options.js';

export const { pruned, withPruning } = dropIn(platform);
