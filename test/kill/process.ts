/** Owns programs of these tests that run in processes of their own, and that are killed. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { isAcknowledgement, type Report } from './acknowledgement.ts';
import type { DiskOptions } from './simulated-disk.ts';
import type { WriterOptions } from './writer.ts';

const program = (name: string): string => new URL(name, import.meta.url).pathname;

/** A writer in a process of its own. */
export class WriterProcess {
  /** Its process id. */
  readonly pid: number | undefined;
  /** What it has said. */
  readonly reports: Report[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<number | null>;
  readonly #listeners = new Set<() => void>();
  #ended = false;
  #errors = '';

  /** @param disk simulates a disk for it; absent: the real one. */
  constructor(options: WriterOptions, disk?: DiskOptions) {
    const simulation = disk === undefined ? [] : ['--import', program('simulated-disk.ts')];
    this.#child = spawn(
      process.execPath,
      ['--conditions=source', '--no-warnings', ...simulation, program('writer.ts'), JSON.stringify(options)],
      { env: { ...process.env, STRATA_TEST_DISK: JSON.stringify(disk ?? null) } },
    );
    this.pid = this.#child.pid;
    this.#child.stderr.on('data', (data) => (this.#errors += String(data)));
    this.#readReports();
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#ended = true;
        for (const listener of this.#listeners) listener();
        resolve(code);
      });
    });
  }

  /** Waits until `test` holds of what it has said. Rejects when it ends before, or when that takes longer than `ms` milliseconds. */
  async until(test: (reports: readonly Report[]) => boolean, ms = 60_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = (): void => {
        if (test(this.reports)) finish();
        else if (this.#ended) finish(new Error(`the writer ended: ${this.#errors}${this.#last()}`));
      };
      const timer = setTimeout(() => finish(new Error(`the writer did not get there: ${this.#last()}`)), ms);
      this.#listeners.add(check);
      check();
    });
  }

  /** Waits until it has its store open. */
  async open(ms?: number): Promise<void> {
    await this.until((reports) => reports.some(({ is }) => is === 'open'), ms);
  }

  /** Waits until this much more was acknowledged to it. */
  async acknowledged(more = 1): Promise<void> {
    const wanted = this.reports.filter(isAcknowledgement).length + more;
    await this.until((reports) => reports.filter(isAcknowledgement).length >= wanted);
  }

  /** Lets it write up to a moment that no one can tell. */
  async goOn(): Promise<void> {
    await this.acknowledged(10 + Math.floor(Math.random() * 50));
    await wait(Math.random() * 30);
  }

  /** Kills it, and waits until it is gone and all it said has arrived. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Waits until it ends by itself; its exit status. */
  async exit(): Promise<number | null> {
    return this.#exited;
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  #readReports(): void {
    let rest = '';
    this.#child.stdout.on('data', (data) => {
      const lines = (rest + String(data)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.reports.push(JSON.parse(line) as Report);
      for (const listener of this.#listeners) listener();
    });
  }

  #last(): string {
    return JSON.stringify(this.reports.slice(-3));
  }
}
