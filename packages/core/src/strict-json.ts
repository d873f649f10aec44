/** Owns the strict reading of JSON documents: no name twice, no number quietly changed, no depth without end, and every refusal with its place. */
import { isExact, positionOf, refuseDocument } from './document-text.ts';
import { isJsonObject, setProperty, type JsonObject, type JsonValue } from './json.ts';

/** A document nests its values, which have 32 levels, in a few of its own. */
const maxDepth = 64;

/**
 * Reads a JSON document.
 * @param text without a byte order mark.
 * @throws ConfigurationError `malformed_document` with the line and column.
 */
export function readStrictJson(text: string): JsonValue {
  return new Reader(text).document();
}

/**
 * Reads a JSON document that is an object.
 * @throws ConfigurationError `malformed_document`.
 */
export function readJsonDocument(text: string): JsonObject {
  const value = readStrictJson(text);
  return isJsonObject(value) ? value : refuseDocument('json', 'line 1, column 1', 'it is no object');
}

/** A document that is an object, one of whose lists may be long. */
export interface LongDocument {
  /** What stands in it besides the items of that list, which is empty here. */
  readonly members: JsonObject;
  /** The items, read anew each time that they are gone through; undefined where there is no such list. */
  readonly items: Iterable<JsonValue> | undefined;
}

/**
 * Reads a JSON document that is an object, one of whose lists is too long to be held: checked here, and read again item by item.
 * @param list the name of the list.
 * @throws ConfigurationError `malformed_document`.
 */
export function readLongDocument(text: string, list: string): LongDocument {
  let start: number | undefined;
  const members = new Reader(text).members((name, reader) => {
    if (name !== list || !reader.isAtList()) return undefined;
    start = reader.at;
    reader.skipItems();
    return [];
  });
  const from = start;
  if (from === undefined) return { members, items: undefined };
  return { members, items: { [Symbol.iterator]: () => new Reader(text, from).items() } };
}

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const words: Readonly<Record<string, JsonValue>> = { true: true, false: false, null: null };
const word = /[a-zA-Z]+/y;

const quote = 0x22;
const backslash = 0x5c;

class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at = 0) {
    this.#text = text;
    this.#at = at;
  }

  /** How far it has read. */
  get at(): number {
    return this.#at;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#end();
    return value;
  }

  /** The members of a document that is an object. @param read reads the value of a member in another way than all others. */
  members(read: (name: string, reader: Reader) => JsonValue | undefined): JsonObject {
    this.#skip();
    if (this.#text[this.#at] !== '{') return readJsonDocument(this.#text);
    const object = this.#object(1, (name) => read(name, this) ?? this.#value(1));
    this.#end();
    return object;
  }

  isAtList(): boolean {
    this.#skip();
    return this.#text[this.#at] === '[';
  }

  /** The items of the list of a member, which begins here. */
  items(): Generator<JsonValue, void> {
    return this.#items(2);
  }

  /** Goes past the list that begins here, and checks it. */
  skipItems(): void {
    const items = this.items();
    while (items.next().done !== true);
  }

  #end(): void {
    this.#skip();
    if (this.#at < this.#text.length) this.#refuse('there is more after its end');
  }

  #value(depth: number): JsonValue {
    this.#skip();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return [...this.#items(depth + 1)];
      case '"':
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  #object(depth: number, read: (name: string) => JsonValue = () => this.#value(depth)): JsonObject {
    this.#enter(depth);
    const object: Record<string, JsonValue> = {};
    if (this.#takes('}')) return object;
    do {
      this.#skip();
      const start = this.#at;
      if (this.#text[start] !== '"') this.#refuse('a name in double quotes is expected');
      const name = this.#string();
      if (Object.hasOwn(object, name)) this.#refuse(`the name ${JSON.stringify(name)} stands there twice`, start);
      if (!this.#takes(':')) this.#refuse('a colon is expected');
      setProperty(object, name, read(name));
    } while (this.#takes(','));
    if (!this.#takes('}')) this.#refuse('a comma or } is expected');
    return object;
  }

  *#items(depth: number): Generator<JsonValue, void> {
    this.#enter(depth);
    if (this.#takes(']')) return;
    do yield this.#value(depth);
    while (this.#takes(','));
    if (!this.#takes(']')) this.#refuse('a comma or ] is expected');
  }

  #enter(depth: number): void {
    if (depth > maxDepth) this.#refuse(`it is nested deeper than ${String(maxDepth)} levels`);
    this.#at += 1;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let isPlain = true;
    for (let at = start + 1; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit === quote) {
        this.#at = at + 1;
        return isPlain ? text.slice(start + 1, at) : this.#decode(start, at + 1);
      }
      if (unit < 0x20) this.#refuse('a text contains a control character; write it as an escape', at);
      if (unit === backslash) {
        isPlain = false;
        at += 1;
      }
    }
    return this.#refuse('a text has no end; the document was cut off', start);
  }

  #decode(start: number, end: number): string {
    try {
      return JSON.parse(this.#text.slice(start, end)) as string;
    } catch (error) {
      return this.#refuse('a text contains an unknown escape', start, error);
    }
  }

  #scalar(): JsonValue {
    const start = this.#at;
    const digits = this.#match(number);
    if (digits !== undefined) {
      const value = Number(digits);
      if (!isExact(value, digits)) {
        this.#refuse(`the number ${shorten(digits)} is too large to be kept exactly; write it as a text`, start);
      }
      return value === 0 ? 0 : value;
    }
    const name = this.#match(word);
    const value = name === undefined ? undefined : words[name];
    if (name !== undefined && Object.hasOwn(words, name) && value !== undefined) return value;
    return this.#refuse('a value is expected', start);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #takes(sign: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #skip(): void {
    const text = this.#text;
    for (;;) {
      const unit = text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at += 1;
    }
  }

  #refuse(problem: string, at = this.#at, cause?: unknown): never {
    const why = at >= this.#text.length ? `${problem}, and it ends there: it was cut off` : problem;
    return refuseDocument('json', positionOf(this.#text, at), why, cause);
  }
}

/** A text in a message, cut where it is long. */
export function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
