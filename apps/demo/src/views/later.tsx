import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

type View = () => VNode;

/** A view whose code is fetched when it is first shown. */
export function later(load: () => Promise<View>): View {
  let loaded: View | undefined;
  return function Later() {
    const [, rerender] = useState(0);
    useEffect(() => {
      if (loaded) return;
      void load().then((view) => {
        loaded = view;
        rerender(1);
      });
    }, []);
    const Loaded = loaded;
    return Loaded ? <Loaded /> : <p class="note">Loading this view</p>;
  };
}
