/** The six steps of the walk. Every number in them is read off the prepared traces. */

import type { Trace, TraceStage } from '@transprune/trace';
import type { VNode } from 'preact';
import { example } from '../../prepared/traces.js';
import { patchesOf } from '../../state/samples.js';
import { placeOf } from '../../words/sentences.js';
import { megabytes, operations, percent } from '../../words/units.js';
import { StageWalk } from './stage-walk.js';
import { StepFigure } from './step-figure.js';

export interface WalkStep {
  readonly title: string;
  readonly text: VNode;
  readonly figure: VNode;
}

export interface Traces {
  readonly high: Trace;
  readonly random: Trace;
}

export function walkSteps({ high, random }: Traces): readonly WalkStep[] {
  return [
    tokensStep(high),
    transitionStep(high),
    attentionStep(high),
    scoreStep(high),
    dropStep(high),
    checkStep({ high, random }),
  ];
}

function tokensStep(trace: Trace): WalkStep {
  const { grid, picture, textTokens, imageTokens, unpruned } = trace;
  const layers = unpruned?.imageTokensPerLayer.length ?? 0;
  return {
    title: 'The picture becomes tokens',
    text: (
      <p>
        The model reads {picture.width} x {picture.height} pixels and cuts them into {grid.columns}{' '}
        x {grid.rows} patches. Each patch becomes one <b>image token</b>, a row of numbers. With the{' '}
        {textTokens} tokens of “{trace.question}” and what surrounds it, {imageTokens + textTokens}{' '}
        tokens go through {layers} layers. Most of the work is done for image tokens, and many of
        them show nothing that was asked for.
      </p>
    ),
    figure: <StepFigure trace={trace} label={`The picture in ${imageTokens} patches`} hasLines />,
  };
}

function transitionStep(trace: Trace): WalkStep {
  const [first] = trace.stages;
  return {
    title: 'Layers change tokens',
    text: (
      <p>
        In every layer two modules, <b>attention</b> and <b>FFN</b>, add something to each token.
        How long that is compared to what they read, and how far it points elsewhere, says how much
        they change the token: its <b>transition</b>. Here it is after layer {first?.afterLayer},
        from dark (little) to bright (much). It is the same whatever is asked, as the question comes
        after the picture. {thingsWords(trace)}
      </p>
    ),
    figure: (
      <StepFigure
        trace={trace}
        label={`Transition of each patch after layer ${first?.afterLayer}`}
        heat={partOf(first, 'transition')}
      />
    ),
  };
}

/** From this ratio of two means on, one is called larger. */
const clearly = 1.1;

/** How much the layers changed the things of the picture, beside its background. */
function thingsWords({ stages: [first], picture }: Trace): string {
  const things = new Set(patchesOf(picture.name));
  const meanOf = (isWanted: (patch: number) => boolean) => {
    const values = [...partOf(first, 'transition')].filter(([patch]) => isWanted(patch));
    return values.reduce((sum, [, value]) => sum + value, 0) / Math.max(1, values.length);
  };
  const onThings = meanOf((patch) => things.has(patch));
  const elsewhere = meanOf((patch) => !things.has(patch));
  if (onThings > clearly * elsewhere) {
    return 'Here the things changed more than the background. Which of them was asked for, it cannot tell.';
  }
  return elsewhere > clearly * onThings
    ? 'Here the things changed less than the background: transition alone would not single them out.'
    : 'Here things and background changed about alike: transition alone would not single them out.';
}

function attentionStep(trace: Trace): WalkStep {
  const last = trace.stages.at(-1);
  return {
    title: 'The question looks, too',
    text: (
      <p>
        The tokens after the picture, the question among them, attend to the image tokens. The
        attention that a patch gets from them says how much <b>this question</b> needs it. After
        layer {last?.afterLayer} “{trace.question}” looks here. Patches without colour were dropped
        before.
      </p>
    ),
    figure: (
      <StepFigure
        trace={trace}
        label={`Attention from the question to each patch after layer ${last?.afterLayer}`}
        kept={last?.candidates ?? []}
        heat={partOf(last, 'instruction')}
      />
    ),
  };
}

function scoreStep(trace: Trace): WalkStep {
  const last = trace.stages.at(-1);
  const scores = last?.scores ?? [];
  const best = scores.indexOf(Math.max(...scores));
  const transition = last?.parts?.transition[best] ?? 0;
  const instruction = last?.parts?.instruction[best] ?? 0;
  return {
    title: 'Both together rank the patches',
    text: (
      <p>
        Each of the two is divided by its sum over all image tokens that are left, so that both
        count alike, and they are added: the <b>score</b>. The best patch here,{' '}
        {placeOf(last?.candidates[best] ?? 0, trace.grid)}, has {percent(transition)} of the
        transition and {percent(instruction)} of the attention: {percent(transition + instruction)}.
        Nothing is trained for this; the numbers are the model's own.
      </p>
    ),
    figure: (
      <StepFigure
        trace={trace}
        label={`Score of each patch after layer ${last?.afterLayer}`}
        kept={last?.candidates ?? []}
        heat={new Map(last?.candidates.map((patch, at) => [patch, scores[at] ?? 0]))}
      />
    ),
  };
}

function dropStep(trace: Trace): WalkStep {
  const counts = trace.stages.map(
    ({ kept, afterLayer }) => `${kept.length} after layer ${afterLayer}`,
  );
  const last = trace.stages.at(-1);
  const left = (last?.kept.length ?? 0) + trace.textTokens;
  return {
    title: 'The lowest are dropped, for good',
    text: (
      <p>
        The best stay: {counts.join(', ')}. Text always stays. A dropped token is gone for all later
        layers, so from layer {(last?.afterLayer ?? 0) + 1} on the model works on {left} tokens in
        place of {trace.imageTokens + trace.textTokens}, and so does every token of the answer. It
        happens inside the model, in one run.
      </p>
    ),
    figure: <StageWalk trace={trace} />,
  };
}

function checkStep({ high, random }: Traces): WalkStep {
  const { shape } = example;
  const asked = patchesOf(high.picture.name, shape);
  const keptOf = ({ stages }: Trace) =>
    asked.filter((patch) => stages.at(-1)?.kept.includes(patch)).length;
  const { unpruned, pruned } = high;
  return {
    title: 'Was that the right choice?',
    text: (
      <p>
        Unpruned the answer is “{unpruned?.text}”, pruned “{pruned.text}”; the prompt took{' '}
        {operations(unpruned?.multiplyAdds ?? 0)} multiply-adds before and{' '}
        {operations(pruned.multiplyAdds)} after, caches {megabytes(unpruned?.kvCacheBytes ?? 0)} and{' '}
        {megabytes(pruned.kvCacheBytes)}. Of the {asked.length} patches of the {shape}{' '}
        {keptOf(high)} stay; a <b>random choice</b> of as many patches, on the right, keeps{' '}
        {keptOf(random)}, and answers “{random.pruned.text}”. One picture proves nothing, and hard
        pruning can lose answers: “describe the top.” needs all that is there. Try your own
        questions.
      </p>
    ),
    figure: (
      <div class="two-figures">
        <StepFigure trace={high} label="Patches that TransPrune keeps" kept={keptAtEnd(high)} />
        <StepFigure trace={random} label="Patches that chance keeps" kept={keptAtEnd(random)} />
      </div>
    ),
  };
}

const keptAtEnd = ({ stages }: Trace) => stages.at(-1)?.kept ?? [];

function partOf(
  stage: TraceStage | undefined,
  part: 'transition' | 'instruction',
): ReadonlyMap<number, number> {
  return new Map(stage?.candidates.map((patch, at) => [patch, stage.parts?.[part][at] ?? 0]));
}
