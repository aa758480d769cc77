import type { Session } from '@transprune/session';

/** Lets one call run at a time, in the order that they were made in. */
export type Turns = <Result>(call: () => Promise<Result>) => Promise<Result>;

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (call) => {
    const result = last.then(call);
    // Without the result, which would be kept alive until the next call.
    last = result.then(
      () => {},
      () => {},
    );
    return result;
  };
}

/** A session whose runs wait for those of the sessions that it shares its turns with. */
export function inTurns(session: Session, turns: Turns): Session {
  const { inputs, outputs, device } = session;
  return {
    inputs,
    outputs,
    device,
    run: (feeds, fetch) => turns(() => session.run(feeds, fetch)),
    dispose: () => session.dispose(),
  };
}
