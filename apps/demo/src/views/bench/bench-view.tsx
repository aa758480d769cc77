export function BenchView() {
  return <section class="card" aria-label="Bench" />;
}
