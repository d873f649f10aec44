/** Owns what happens to a client that takes the events more slowly than they come. */
import type { Socket } from 'node:net';

/** Undefined while at most `most` bytes wait unsent; else a promise that resolves once they are sent, or the connection is gone. */
export function whenTaken(socket: Socket, most: number): Promise<void> | undefined {
  if (socket.writableLength <= most) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

/** Tells whether a client has stopped taking what is sent to it. */
export class StallCheck {
  /** What had been sent at the last look, where too much waited. */
  #sent: number | undefined;

  /** Whether more than `most` bytes wait, and nothing was sent since the last look. */
  isStalled(socket: Socket, most: number): boolean {
    if (socket.writableLength <= most) {
      this.#sent = undefined;
      return false;
    }
    const sent = socket.bytesWritten - socket.writableLength;
    if (this.#sent === sent) return true;
    this.#sent = sent;
    return false;
  }
}
