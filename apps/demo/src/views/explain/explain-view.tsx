export function ExplainView() {
  return <section class="card" aria-label="Explain" />;
}
