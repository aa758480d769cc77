export function ModelView() {
  return <section class="card" aria-label="Your model" />;
}
