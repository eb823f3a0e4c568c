/** Long work in slices, between which the page gets its turn: no frame of it is late. */

const SLICE_MILLISECONDS = 8;

/** Resolves once the page had its turn. Unlike a timer it is not put off while nobody looks at the page. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Says when it is time to let the page have its turn. */
export class Turns {
  private since = performance.now();

  /** Whether the work has gone on for long enough. */
  get isOver(): boolean {
    return performance.now() - this.since >= SLICE_MILLISECONDS;
  }

  /** Lets the page have its turn. */
  async rest(): Promise<void> {
    await nextTurn();
    this.since = performance.now();
  }
}
