import type {
  CacheReport,
  EngineEvent,
  FinishReason,
  PromptFacts,
  StageEvent,
  Timings,
  TokenEvent,
  Usage,
} from './events.js';

/** What one prune left. */
export type PrunedStage = Omit<StageEvent, 'type' | 'stage'>;

/** A whole answer. */
export interface GenerateResult {
  /** Without spaces around it. */
  readonly text: string;
  /** Of the answer, with the end token if the model made one. */
  readonly tokenIds: readonly number[];
  readonly finishReason: FinishReason;
  readonly prompt: PromptFacts;
  readonly visionCached: boolean;
  readonly usage: Usage;
  readonly timings: Timings;
  readonly cache: CacheReport;
  /** One for each prune of the decoder; empty if it prunes nothing or doesn't tell. */
  readonly stages: readonly PrunedStage[];
}

/**
 * Waits for an answer.
 *
 * @param onToken is called with each token as it comes
 * @throws whatever the events end with
 */
export async function collect(
  events: AsyncIterable<EngineEvent>,
  onToken: (token: TokenEvent) => void = () => {},
): Promise<GenerateResult> {
  const stages: PrunedStage[] = [];
  const tokenIds: number[] = [];
  for await (const event of events) {
    switch (event.type) {
      case 'stage': {
        const { kept, keptImageTokens, scores } = event;
        stages.push({ kept, keptImageTokens, scores });
        break;
      }
      case 'token':
        tokenIds.push(event.id);
        onToken(event);
        break;
      case 'finish': {
        const { type: _, text, reason: finishReason, ...facts } = event;
        return { ...facts, text: text.trim(), tokenIds, finishReason, stages };
      }
    }
  }
  throw new Error('expected a finish event at the end of an answer');
}
