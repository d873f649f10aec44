/** Owns how long work tells a person how far it has come: one line on standard error, and only on a terminal. */
import process from 'node:process';

/** Tells how far work has come. */
export interface ProgressLine {
  update(text: string): void;
  /** Takes the line away again. */
  end(): void;
}

/** How often the line changes, in milliseconds. */
const intervalMs = 100;

/** Begins to tell of work. */
export function startProgress(): ProgressLine {
  const { stderr } = process;
  let last = 0;
  let isShown = false;
  return {
    update(text) {
      const now = performance.now();
      if (!stderr.isTTY || (isShown && now - last < intervalMs)) return;
      last = now;
      isShown = true;
      stderr.write(`\r\u001b[2K${text}`);
    },
    end() {
      if (isShown) stderr.write('\r\u001b[2K');
    },
  };
}
