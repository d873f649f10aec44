/** Owns one process of `npm run cluster`: it prefixes what it prints, knows when it is ready, and ends by its process id. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { OutputProcess } from './postgres-server.ts';

/** A process that was started. */
export class Member {
  readonly name: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  readonly #child: OutputProcess;
  readonly #lines = new Set<(line: string) => void>();

  constructor(name: string, child: OutputProcess) {
    this.name = name;
    this.#child = child;
    // A program that is not there tells so instead of ending.
    this.ended = once(child, 'exit').catch((error: unknown) => console.error(`${name} | ${String(error)}`));
    for (const [output, print] of [
      [child.stdout, console.log],
      [child.stderr, console.error],
    ] as const) {
      createInterface(output).on('line', (line) => {
        print(`${name} | ${line}`);
        for (const told of this.#lines) told(line);
      });
    }
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it has not ended. */
  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended. */
  get outcome(): string {
    return this.#child.signalCode ?? `status ${String(this.#child.exitCode)}`;
  }

  /** Waits for a line that matches; rejects when it ends before. */
  async ready(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const check = (line: string): void => {
        const match = pattern.exec(line);
        if (match === null) return;
        this.#lines.delete(check);
        resolve(match);
      };
      this.#lines.add(check);
      void this.ended.then(() => reject(new Error(`${this.name} ended before it was ready (${this.outcome})`)));
    });
  }

  /** Sends it a signal, if it still runs. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  /** Sends it a signal and waits until it has ended; it is killed when that takes longer than `graceMs` milliseconds. */
  async end(signal: NodeJS.Signals, graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    this.signal(signal);
    if (this.isRunning) await this.ended;
    clearTimeout(timer);
  }
}
