/**
 * Runs steps one by one, each after every promise that the one before settled has had its say. Node drains all
 * microtasks before it takes the next tick, so a step costs no turn of libuv's loop.
 */

/** Between so many steps the process gets its turn: signals, the parent's messages, unhandled rejections. */
const STEPS_PER_TURN = 4096;

/** Until `step` says false. Rejects with whatever a step throws. */
export function drive(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const settled = Promise.resolve();
    let left = STEPS_PER_TURN;
    const next = (): void => process.nextTick(run);
    const run = (): void => {
      try {
        if (!step()) {
          resolve();
          return;
        }
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      left -= 1;
      if (left > 0) {
        void settled.then(next);
        return;
      }
      left = STEPS_PER_TURN;
      setImmediate(run);
    };
    // Not from within a microtask, whose own queue would have to be drained first.
    setImmediate(run);
  });
}
