/** The button of a form that starts something, which is the one that stops it meanwhile. */
export function RunButton({
  title,
  isRunning,
  onStop,
}: {
  readonly title: string;
  readonly isRunning: boolean;
  readonly onStop: () => void;
}) {
  if (!isRunning)
    return (
      <button type="submit" class="main">
        {title}
      </button>
    );
  const stop = (event: Event) => {
    // It may be the other button before its click is over, which would submit the form: it would start again.
    event.preventDefault();
    onStop();
  };
  return (
    <button type="button" class="main stop" onClick={stop}>
      Stop
    </button>
  );
}
