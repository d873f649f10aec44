/** Owns what signals do to a running server. */
import process from 'node:process';

/**
 * On the first SIGINT or SIGTERM calls `close` and lets the process end by itself; on the second ends it at once, with the exit
 * code that shells give to a process which that signal ended.
 * @param failed told of an error of `close`; the process then ends with exit code 1.
 */
export function closeOnSignals(close: () => Promise<void>, failed: (error: unknown) => void): void {
  let closing = false;
  const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (closing) process.exit(exitCodes[signal]);
      closing = true;
      close().catch((error: unknown) => {
        failed(error);
        process.exitCode = 1;
      });
    });
  }
}
