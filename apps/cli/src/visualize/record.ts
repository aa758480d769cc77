/** Asks a model, unpruned and pruned, and notes what happened to the image tokens. */
import { methodNameOf, TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import type { LayerMaps, Trace } from '@transprune/trace';
import type { AnswerOptions, LocalEngine } from '@transprune/vlm';
import type { Surroundings } from '../model/find.js';
import type { TemporaryFolders } from '../model/temporary.js';
import { waiting } from '../progress.js';
import { costsOf } from '../run/costs.js';
import type { Question } from '../run/inputs.js';
import { requestFor } from '../run/request.js';
import { type TappingOptions, withTappedEngines } from './engines.js';
import { gridOf } from './grid.js';
import { pictureFor } from './picture.js';

export interface RecordOptions extends TappingOptions {
  /** False: what layers do to each patch is not looked at, which takes memory for all of them. */
  readonly layers: boolean;
}

/**
 * @param asked with one picture
 * @param model what the trace calls it
 * @throws TransPruneError UNSUPPORTED_MODEL if image tokens are no grid on the picture, and what the model is at
 *   fault of
 */
export async function recordTrace(
  files: VlmFiles,
  model: string,
  asked: Question,
  answering: AnswerOptions,
  options: RecordOptions,
  folders: TemporaryFolders,
  around: Surroundings,
): Promise<Trace> {
  const { terminal } = around;
  const { signal } = around.io;
  const { answerOf, explainStages, followAnswer, surveyLayers, surveyPlan, traceStages } =
    await import('@transprune/trace');
  const request = requestFor(asked, { ...answering, signal });
  const picture = await pictureFor(asked, files);
  const pictureSize = Math.max(picture.width, picture.height);
  const answer = async (engine: LocalEngine, what: string) => {
    const followed = await waiting(terminal, `answering, ${what}`, async () => {
      await warmUp(engine);
      return followAnswer(engine, request);
    });
    signal.throwIfAborted();
    return followed;
  };
  return withTappedEngines(files, options, folders, around, async (engines) => {
    const { engine, withTaps, chosen, model: counted } = engines;
    const { plan } = chosen;
    const before = await answer(engine, 'unpruned');
    const { imageTokens, textTokens } = before.finish.prompt;
    const grid = gridOf(imageTokens, picture, counted.vision?.layout);
    const { full } = costsOf(counted, plan, before.finish);
    const told = (followed: typeof before, { prefill }: typeof full.pruned) =>
      answerOf(followed, {
        pictureSize,
        multiplyAdds: prefill.decoder.total + prefill.scoring.total,
      });
    const { after, stages } = await withTaps(plan, async (tapped) => {
      const after = await answer(tapped.engine, 'pruned');
      const { imagePositions } = after.finish.prompt;
      // The parts of a score are known of this method alone.
      const stages =
        methodNameOf(plan) === 'transprune'
          ? await explainStages(tapped, plan, request)
          : traceStages(plan, { events: after.stages, imagePositions });
      return { after, stages };
    });
    const survey = () =>
      withTaps(surveyPlan(counted.decoder.layers.length), (tapped) =>
        waiting(terminal, 'looking at what layers do', () => surveyLayers(tapped, request)),
      );
    const layers = options.layers ? await unlessRefused(survey, terminal.warn) : [];
    signal.throwIfAborted();
    const unpruned = told(before, full.baseline);
    const pruned = told(after, full.pruned);
    return {
      ...({ format: 'transprune-trace', version: 1 } as const),
      ...{ model, device: engine.device, question: asked.question, picture, grid, plan },
      ...{ imageTokens, textTokens, unpruned, pruned, stages, layers },
    };
  });
}

/** First runs take longer; a blank picture takes the delay. */
async function warmUp(engine: LocalEngine): Promise<void> {
  const side = 8;
  const data = new Uint8Array(side * side * 3).fill(128);
  const images = [{ data, width: side, height: side, channels: 3 as const }];
  for await (const _event of engine.generate({ question: 'hello', images, maxNewTokens: 2 }));
}

/** What a decoder cannot tell is left out, with a warning. */
async function unlessRefused(
  survey: () => Promise<LayerMaps[]>,
  warn: (text: string) => void,
): Promise<LayerMaps[]> {
  try {
    return await survey();
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    warn(`what layers do to patches is left out: ${error.message}`);
    return [];
  }
}
