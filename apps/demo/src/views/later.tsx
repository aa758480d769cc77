import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

type View = () => VNode;

/** A view whose code is fetched when it is first shown. */
export function later(load: () => Promise<View>): View {
  let loaded: View | undefined;
  return function Later() {
    const [problem, setProblem] = useState<string>();
    const [, rerender] = useState(0);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (view) => {
          loaded = view;
          rerender(1);
        },
        (error: unknown) => setProblem(String(error)),
      );
    }, []);
    const Loaded = loaded;
    if (Loaded) return <Loaded />;
    return problem === undefined ? (
      <p class="note">Loading this view</p>
    ) : (
      <p class="failure" role="alert">
        This view could not be loaded: {problem}. Check the network, and open the page again.
      </p>
    );
  };
}
