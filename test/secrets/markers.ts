/** Owns the markers that stand for secrets in tests, and the search for them, in whichever form a text may have been written down. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function randomText(length: number): string {
  return Array.from(randomBytes(length), (byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

/** A family of random texts that hold the same random stem, at their beginning and their end: whoever finds no stem finds none of them. */
export class Markers {
  readonly stem = randomText(16);
  #count = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** One more, with what JSON, URLs, YAML, HTML and shells write otherwise. */
  next(): string {
    return `${this.name()} "é%/+\\<&>'$🔑: #${randomText(8)} ${this.stem}`;
  }

  /** One more that can be a name of something. */
  name(): string {
    this.#count += 1;
    return `${this.stem}-${String(this.#count)}-${randomText(6)}`;
  }
}

/** The forms in which bytes may stand somewhere. */
export function formsOf(bytes: Buffer): Map<string, Buffer> {
  const forms = new Map([['raw', bytes]]);
  for (const offset of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // Without the characters to which the bytes around it contribute.
    const text = whole.slice(Math.ceil((offset * 4) / 3), Math.floor(((offset + bytes.length) * 4) / 3));
    forms.set(`base64 at ${String(offset)}`, Buffer.from(text));
    forms.set(`base64url at ${String(offset)}`, Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_')));
  }
  forms.set('hex', Buffer.from(bytes.toString('hex')));
  forms.set('HEX', Buffer.from(bytes.toString('hex').toUpperCase()));
  return forms;
}

/** The forms in which a text may stand somewhere. @param stem letters and digits, which no escaping has to touch. */
export function textForms(stem: string): Map<string, Buffer> {
  const codes = Array.from(Buffer.from(stem), (byte) => byte.toString(16));
  const little = Buffer.from(stem, 'utf16le');
  const forms = formsOf(Buffer.from(stem));
  forms.set('UTF-16LE', little).set('UTF-16BE', Buffer.from(little).swap16());
  for (const [name, written] of [['lower', codes], ['upper', codes.map((code) => code.toUpperCase())]] as const) {
    forms.set(`JSON escapes, ${name} case`, Buffer.from(written.map((code) => `\\u00${code}`).join('')));
    forms.set(`URL escapes, ${name} case`, Buffer.from(written.map((code) => `%${code}`).join('')));
  } // prettier-ignore
  return forms;
}

/** In which forms something stands in some bytes, each with where it begins. */
export function find(bytes: Buffer, forms: ReadonlyMap<string, Buffer>): string[] {
  return [...forms].flatMap(([form, pattern]) => {
    const at = bytes.indexOf(pattern);
    return at === -1 ? [] : [`${form} at byte ${String(at)}`];
  });
}

/** Everything that was seen or left behind, place by place. */
export class Places {
  readonly #parts = new Map<string, (readonly [string, Buffer])[]>();

  /** Puts bytes to a place. @param part says more exactly where they are from. */
  add(place: string, content: Buffer | string, part = ''): void {
    const parts = this.#parts.get(place) ?? [];
    parts.push([part, Buffer.from(content)]);
    this.#parts.set(place, parts);
  }

  /** Puts all files under a directory to a place. */
  addDirectory(place: string, directory: string): void {
    for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) this.add(place, readFileSync(path), path);
    }
  }

  /** The names of the places, and how many bytes each has. */
  sizes(): Map<string, number> {
    const size = (parts: readonly (readonly [string, Buffer])[]): number =>
      parts.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    return new Map([...this.#parts].map(([place, parts]) => [place, size(parts)]));
  }

  /** Where something stands: place, part and form, with what is around it. */
  search(forms: ReadonlyMap<string, Buffer>): { readonly place: string; readonly where: string }[] {
    return [...this.#parts].flatMap(([place, parts]) =>
      parts.flatMap(([part, bytes]) =>
        find(bytes, forms).map((hit) => ({ place, where: `${part}: ${hit}: ${around(bytes, hit)}` })),
      ),
    );
  }
}

function around(bytes: Buffer, hit: string): string {
  const at = Number(hit.split(' ').at(-1));
  return JSON.stringify(bytes.subarray(Math.max(0, at - 200), at + 60).toString('latin1'));
}
