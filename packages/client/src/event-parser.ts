/** Owns reading Server-Sent Events from text that comes in pieces (HTML Living Standard, 9.2.6). */

/** One event. */
export interface ServerSentEvent {
  /** `message` where the server gives no name. */
  readonly name: string;
  readonly data: string;
  /** The last id that the stream has told; empty where it has told none. */
  readonly id: string;
  /** The last `retry` that the stream has told, in milliseconds. */
  readonly retry: number | undefined;
}

/** Collects pieces of text into events. */
export class EventParser {
  #rest = '';
  #name = '';
  #data: string[] = [];
  #id = '';
  #retry: number | undefined;
  #isStart = true;

  /** The events that end in this piece. */
  read(piece: string): ServerSentEvent[] {
    const text = this.#isStart ? piece.replace(/^\ufeff/, '') : piece;
    if (text !== '') this.#isStart = false;
    // A carriage return at the end may be half of a line end.
    const whole = this.#rest + text;
    const held = whole.endsWith('\r') ? 1 : 0;
    const lines = whole.slice(0, whole.length - held).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + whole.slice(whole.length - held);
    return lines.flatMap((line) => this.#take(line) ?? []);
  }

  #take(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\u0000')) this.#id = value;
    else if (field === 'retry' && /^[0-9]{1,9}$/.test(value)) this.#retry = Number(value);
    return undefined;
  }

  #end(): ServerSentEvent | undefined {
    const [name, data] = [this.#name, this.#data];
    this.#name = '';
    this.#data = [];
    if (data.length === 0) return undefined;
    return { name: name === '' ? 'message' : name, data: data.join('\n'), id: this.#id, retry: this.#retry };
  }
}
