/**
 * Owns the file of a backup: a line that says what it is, then frames. A frame is its length and kind, a part of the content compressed by
 * gzip, and a seal: with a passphrase the tag of AES-256-GCM over frame, place and header, else a SHA-256 chained over all before it. So what is
 * cut off, changed, left out or moved is found where it happens, and nothing after it is read.
 */
import { createCipheriv, createDecipheriv, createHash, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { ConfigurationError } from '@strata/core';
import { deriveKey, isEncryption, newEncryption, type Encryption } from './passphrase.ts';

/** What a backup calls itself. */
const backupName = 'strata-backup';
/** The version of the file's form. */
const fileVersion = 1;

interface Header {
  readonly format: typeof backupName;
  readonly formatVersion: number;
  readonly encryption: Encryption | null;
}

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** About how many characters of content a frame has. */
const frameSize = 512 * 1024;
/** No frame is longer than this, compressed; a longer one was not written by us. */
const maxFrame = 64 * 1024 * 1024;
/** No frame has more content than this. */
const maxContent = 256 * 1024 * 1024;
const maxHeader = 4096;

/** Seals frames, and tells whether they are as they were sealed. */
interface Seal {
  readonly size: number;
  close(kind: Buffer, content: Buffer): Buffer;
  open(kind: Buffer, sealed: Buffer): Buffer | undefined;
}

/**
 * Makes the file of a backup.
 * @param content texts that end where they may be taken apart.
 */
export async function* writeBackupFile(
  content: AsyncIterable<string>,
  passphrase: string | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encryption = passphrase === undefined ? null : newEncryption();
  const header = { format: backupName, formatVersion: fileVersion, encryption } satisfies Header;
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  const seal = await sealOf(encryption, line, passphrase);
  yield line;
  let waiting = '';
  for await (const text of content) {
    waiting += text;
    if (waiting.length < frameSize) continue;
    yield await frame(seal, 0, waiting);
    waiting = '';
  }
  yield await frame(seal, 1, waiting);
}

async function frame(seal: Seal, kind: 0 | 1, content: string): Promise<Buffer> {
  const kindByte = Buffer.from([kind]);
  const sealed = seal.close(kindByte, await compress(content));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(sealed.length);
  return Buffer.concat([length, kindByte, sealed]);
}

/**
 * Reads the file of a backup: the content, in the parts in which it was sealed.
 * @throws ConfigurationError `backup_unreadable` with the byte, `passphrase_wrong`.
 */
export async function* readBackupFile(
  file: AsyncIterable<Uint8Array>,
  passphrase: string | undefined,
): AsyncGenerator<string, void, undefined> {
  const bytes = new Bytes(file);
  const line = await bytes.line(maxHeader);
  const header = parseHeader(line);
  if (header.encryption === null && passphrase !== undefined) {
    throw new ConfigurationError('passphrase_wrong', { problem: 'this backup was made without one; leave it out' });
  }
  const seal = await sealOf(header.encryption, line, passphrase);
  for (let isFirst = true; ; isFirst = false) {
    const at = bytes.position;
    const length = (await bytes.take(4, 'it was cut off')).readUInt32BE();
    const kind = await bytes.take(1, 'it was cut off');
    if (length > maxFrame || length < seal.size || (kind[0] ?? 2) > 1) refuse(at, 'it is damaged');
    const content = seal.open(kind, await bytes.take(length, 'it was cut off'));
    if (content === undefined) return refuseSeal(header, at, isFirst);
    yield await contentOf(content, at);
    if (kind[0] === 0) continue;
    if (!(await bytes.isAtEnd())) refuse(bytes.position, 'there is more after its end');
    return;
  }
}

function refuseSeal({ encryption }: Header, at: number, isFirst: boolean): never {
  if (encryption !== null && isFirst) {
    throw new ConfigurationError('passphrase_wrong', {
      problem: 'it does not open this backup, or the file was changed',
    });
  }
  return refuse(at, 'it was changed since it was made');
}

async function contentOf(content: Buffer, at: number): Promise<string> {
  try {
    return (await decompress(content, { maxOutputLength: maxContent })).toString('utf8');
  } catch {
    return refuse(at, 'it is damaged');
  }
}

function refuse(at: number, problem: string): never {
  throw new ConfigurationError('backup_unreadable', { position: `byte ${String(at)}`, problem });
}

function parseHeader(line: Buffer): Header {
  let header: Partial<Header> | undefined;
  try {
    header = JSON.parse(line.toString('utf8')) as Partial<Header>;
  } catch {
    header = undefined;
  }
  if (header?.format !== backupName) return refuse(0, 'it is no backup of Strata');
  const { formatVersion, encryption } = header;
  if (formatVersion !== fileVersion)
    refuse(0, `its form is of version ${String(formatVersion)}; use a newer version of Strata`);
  if (encryption === null || isEncryption(encryption)) return header as Header;
  return refuse(0, 'it is encrypted in a way that is not known here');
}

async function sealOf(encryption: Encryption | null, header: Buffer, passphrase: string | undefined): Promise<Seal> {
  if (encryption === null) return chainedSeal(header);
  if (passphrase === undefined) throw new ConfigurationError('passphrase_wrong', { problem: 'this backup needs one' });
  return encryptingSeal(await deriveKey(passphrase, encryption), header);
}

const digestSize = 32;

function chainedSeal(header: Buffer): Seal {
  let last: Buffer = createHash('sha256').update(header).digest();
  const next = (kind: Buffer, content: Buffer): Buffer =>
    createHash('sha256').update(last).update(kind).update(content).digest();
  return {
    size: digestSize,
    close(kind, content) {
      last = next(kind, content);
      return Buffer.concat([content, last]);
    },
    open(kind, sealed) {
      const content = sealed.subarray(0, -digestSize);
      last = next(kind, content);
      return timingSafeEqual(last, sealed.subarray(-digestSize)) ? content : undefined;
    },
  };
}

const tagSize = 16;

/** Each key is used for one file, so the number of a frame makes its nonce. */
function encryptingSeal(key: Buffer, header: Buffer): Seal {
  let count = 0;
  const nonce = (): Buffer => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32BE(count, 8);
    count += 1;
    return bytes;
  };
  return {
    size: tagSize,
    close(kind, content) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce()).setAAD(Buffer.concat([header, kind]));
      return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    },
    open(kind, sealed) {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce(), { authTagLength: tagSize });
      decipher.setAAD(Buffer.concat([header, kind])).setAuthTag(sealed.subarray(-tagSize));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(0, -tagSize)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}

/** Takes bytes from a stream, as many as are wanted. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #waiting: Buffer[] = [];
  #length = 0;
  #isDone = false;
  position = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async #fill(length: number): Promise<boolean> {
    while (this.#length < length && !this.#isDone) {
      const next = await this.#source.next();
      if (next.done === true) this.#isDone = true;
      else {
        this.#waiting.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
        this.#length += next.value.byteLength;
      }
    }
    return this.#length >= length;
  }

  async take(length: number, otherwise: string): Promise<Buffer> {
    if (!(await this.#fill(length))) refuse(this.position + this.#length, otherwise);
    const whole = Buffer.concat(this.#waiting);
    this.#waiting = [whole.subarray(length)];
    this.#length = whole.length - length;
    this.position += length;
    return whole.subarray(0, length);
  }

  /** What comes up to the first line feed, with it. */
  async line(most: number): Promise<Buffer> {
    for (let length = 1; length <= most; length += 1) {
      if (!(await this.#fill(length))) break;
      const whole = Buffer.concat(this.#waiting);
      this.#waiting = [whole];
      const end = whole.subarray(0, most).indexOf(0x0a);
      if (end !== -1) return this.take(end + 1, '');
      length = Math.max(length, whole.length);
    }
    return refuse(0, 'it is no backup of Strata');
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill(1));
  }
}
