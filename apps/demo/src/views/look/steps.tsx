import { goToStage } from '../../state/look.js';
import { shown, stage } from '../../state/store.js';

/** What is left after each prune, as buttons. */
export function Steps() {
  const { value: current } = shown;
  if (!current || current.stages.length === 0) return null;
  const steps = [
    { count: current.imageTokens, label: 'before' },
    ...current.stages.map(({ kept, afterLayer }) => ({
      count: kept.length,
      label: `after layer ${afterLayer}`,
    })),
  ];
  return (
    <div class="steps">
      {steps.map(({ count, label }, at) => (
        <button
          key={label}
          type="button"
          aria-pressed={stage.value === at}
          onClick={() => goToStage(at)}
        >
          <b class="numbers">{count}</b>
          <span>{label}</span>
          <i style={{ width: `${(100 * count) / Math.max(1, current.imageTokens)}%` }} />
        </button>
      ))}
    </div>
  );
}
