/**
 * The button of a form that starts something, which is the one that stops it meanwhile. It stays the same element, so
 * that it keeps the focus.
 */
export function RunButton({
  title,
  isRunning,
  onStop,
}: {
  readonly title: string;
  readonly isRunning: boolean;
  readonly onStop: () => void;
}) {
  const onClick = (event: MouseEvent) => {
    // The second half of a double click would end what the first one began, or begin again what it ended.
    const isRepeated = event.detail > 1;
    // It may be the other button before its click is over, which would submit the form: it would start again.
    if (isRunning || isRepeated) event.preventDefault();
    if (isRunning && !isRepeated) onStop();
  };
  return (
    <button
      type={isRunning ? 'button' : 'submit'}
      class={isRunning ? 'main stop' : 'main'}
      onClick={onClick}
    >
      {isRunning ? 'Stop' : title}
    </button>
  );
}
