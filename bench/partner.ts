/** Owns the processes that take part in a benchmark beside the measuring one: started from a file of the benchmark, spoken to in messages. */
import { fork, type ChildProcess } from 'node:child_process';

/** What a partner says. */
export type Message = Readonly<Record<string, unknown>>;

/** A process that answers each order with one message. */
export class Partner {
  readonly #child: ChildProcess;

  /** @param file the module that it runs. */
  constructor(file: URL, args: readonly string[] = []) {
    this.#child = fork(file, args, { execArgv: ['--conditions=source', '--no-warnings', '--expose-gc'] });
  }

  send(order: unknown): void {
    this.#child.send(order as object);
  }

  /** What it says next. */
  next(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const failed = (): void => reject(new Error('a process of the benchmark ended'));
      this.#child.once('exit', failed);
      this.#child.once('message', (message) => {
        this.#child.off('exit', failed);
        resolve(message as Message);
      });
    });
  }

  ask(order: unknown): Promise<Message> {
    const answer = this.next();
    this.send(order);
    return answer;
  }

  end(): void {
    this.#child.kill();
  }
}
