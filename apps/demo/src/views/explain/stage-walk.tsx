import type { Trace } from '@transprune/trace';
import { useState } from 'preact/hooks';
import { StepFigure } from './step-figure.js';

/** The picture at each of its prunes. */
export function StageWalk({ trace }: { readonly trace: Trace }) {
  const [at, setAt] = useState(trace.stages.length - 1);
  const chosen = trace.stages[at];
  return (
    <div>
      <StepFigure
        trace={trace}
        label={`Patches that are kept after layer ${chosen?.afterLayer}`}
        kept={chosen?.kept ?? []}
      />
      <div class="steps">
        {trace.stages.map(({ kept, afterLayer }, index) => (
          <button
            key={afterLayer}
            type="button"
            aria-pressed={index === at}
            onClick={() => setAt(index)}
          >
            <b class="numbers">{kept.length}</b>
            <span>after layer {afterLayer}</span>
            <i style={{ width: `${(100 * kept.length) / trace.imageTokens}%` }} />
          </button>
        ))}
      </div>
    </div>
  );
}
