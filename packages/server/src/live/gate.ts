/** Owns holding events back until a client was told where they begin. */

/** Lets what comes before `open` wait, and everything after pass at once. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: () => void = () => undefined;

  constructor() {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Runs it: now, or once the gate opens. Nothing is answered where nothing has to be waited for. */
  pass(run: () => Promise<void> | undefined): Promise<void> | undefined {
    return this.#opened === undefined ? run() : this.#opened.then(run);
  }

  open(): void {
    this.#opened = undefined;
    this.#open();
    this.#open = () => undefined;
  }
}
