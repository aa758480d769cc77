import { useEffect, useMemo, useState } from 'preact/hooks';
import { reasonOf } from '../../state/load.js';
import { fetchPrepared } from '../../state/prepared.js';
import { status, view } from '../../state/store.js';
import { type Traces, walkSteps } from './steps.js';

/** A walk through one example, which needs no model. */
export function ExplainView() {
  const [traces, setTraces] = useState<Traces>();
  const [problem, setProblem] = useState<string>();
  const [at, setAt] = useState(0);
  useEffect(() => {
    Promise.all([fetchPrepared('example-high'), fetchPrepared('example-random')]).then(
      ([high, random]) => setTraces({ high, random }),
      (error: unknown) => setProblem(reasonOf(error)),
    );
  }, []);
  const steps = useMemo(() => (traces ? walkSteps(traces) : []), [traces]);
  const step = steps[at];
  if (problem)
    return (
      <p class="failure" role="alert">
        {problem}
      </p>
    );
  if (!step) return <p class="note">Loading the example</p>;
  const go = (next: number) => {
    setAt(next);
    status.value = `Step ${next + 1} of ${steps.length}: ${steps[next]?.title}`;
  };
  return (
    <section class="card walk" aria-label="Explain">
      <div class="walk-figure" key={at}>
        {step.figure}
      </div>
      <div class="walk-text">
        <ol class="walk-steps">
          {steps.map(({ title }, index) => (
            <li key={title}>
              <button
                type="button"
                aria-label={`Step ${index + 1}: ${title}`}
                aria-current={index === at ? 'step' : undefined}
                onClick={() => go(index)}
              >
                {index + 1}
              </button>
            </li>
          ))}
        </ol>
        <h2>{step.title}</h2>
        {step.text}
        <div class="own">
          <button
            type="button"
            class="quiet"
            aria-disabled={at === 0}
            onClick={() => at > 0 && go(at - 1)}
          >
            Back
          </button>
          {at < steps.length - 1 ? (
            <button type="button" class="main" onClick={() => go(at + 1)}>
              Continue
            </button>
          ) : (
            <button
              type="button"
              class="main"
              onClick={() => {
                view.value = 'look';
              }}
            >
              Try it yourself
            </button>
          )}
        </div>
      </div>
    </section>
  );
}
