/** Owns buckets: which of 100,000 a unit is in for a salt, the same in every language. */
import { bucketCount } from './flag.ts';

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/**
 * The 32-bit MurmurHash3 of a text in UTF-8 (https://github.com/aappleby/smhasher, MurmurHash3_x86_32); half a surrogate pair counts as
 * U+FFFD, as in any UTF-8 encoder. Takes no memory.
 */
export function murmur3(text: string, seed: number): number {
  return signedMurmur3(text, seed) >>> 0;
}

function signedMurmur3(text: string, seed: number): number {
  const length = text.length;
  const end = length & ~3;
  let hash = seed;
  let index = 0;
  for (; index < end; index += 4) {
    const a = text.charCodeAt(index);
    const b = text.charCodeAt(index + 1);
    const c = text.charCodeAt(index + 2);
    const d = text.charCodeAt(index + 3);
    if ((a | b | c | d) > 0x7f) return murmur3Utf8(text, index, hash);
    let block = Math.imul(a | (b << 8) | (c << 16) | (d << 24), c1);
    block = Math.imul((block << 15) | (block >>> 17), c2);
    hash ^= block;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let shift = 0; index < length; index += 1, shift += 8) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return murmur3Utf8(text, end, hash);
    tail |= unit << shift;
  }
  return finish(hash, tail, length);
}

/** Goes on byte by byte where the first character that is not ASCII comes up, after `start` bytes of whole blocks. */
function murmur3Utf8(text: string, start: number, seed: number): number {
  let hash = seed;
  let bytes = start;
  let block = 0;
  const push = (byte: number): void => {
    block |= byte << ((bytes & 3) * 8);
    bytes += 1;
    if ((bytes & 3) !== 0) return;
    hash = mix(hash, block);
    block = 0;
  };
  for (let index = start; index < text.length; index += 1) {
    const point = text.codePointAt(index) ?? 0;
    if (point > 0xffff) index += 1;
    eachByte(point >= 0xd800 && point < 0xe000 ? 0xfffd : point, push);
  }
  return finish(hash, block, bytes);
}

function eachByte(point: number, push: (byte: number) => void): void {
  if (point < 0x80) {
    push(point);
    return;
  }
  if (point < 0x800) push(0xc0 | (point >> 6));
  else {
    if (point < 0x1_0000) push(0xe0 | (point >> 12));
    else {
      push(0xf0 | (point >> 18));
      push(0x80 | ((point >> 12) & 0x3f));
    }
    push(0x80 | ((point >> 6) & 0x3f));
  }
  push(0x80 | (point & 0x3f));
}

function mix(hash: number, block: number): number {
  let mixed = Math.imul(block, c1);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), c2);
  const next = hash ^ mixed;
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, tail: number, bytes: number): number {
  let last = hash;
  if ((bytes & 3) !== 0) {
    const mixed = Math.imul(tail, c1);
    last ^= Math.imul((mixed << 15) | (mixed >>> 17), c2);
  }
  last ^= bytes;
  last = Math.imul(last ^ (last >>> 16), 0x85ebca6b);
  last = Math.imul(last ^ (last >>> 13), 0xc2b2ae35);
  return last ^ (last >>> 16);
}

/** The seed with which the units of a flag are hashed to decide on its rollout. */
export function rolloutSeed(salt: string): number {
  return murmur3(salt, 0) | 0;
}

/** The seed for dividing units among variants: another one, so that a growing rollout draws evenly from all variants. */
export function splitSeed(salt: string): number {
  return murmur3(salt, 1) | 0;
}

/** The bucket of a hash: 0 to 99,999. Multiplying uses all bits, and makes all buckets alike to one in 42,949. */
export function bucketOf(hash: number): number {
  return Math.floor((hash * bucketCount) / 2 ** 32);
}

/** The first hash that is not below a bucket: `hash < hashLimit(b)` is the same as `bucketOf(hash) < b`. */
export function hashLimit(bucket: number): number {
  return Math.ceil((bucket * 2 ** 32) / bucketCount);
}

/**
 * The hash of a text less 2 ** 31, so that it is a signed number: half of the unsigned ones are too large to be handed on without
 * taking memory. To be compared with `orderedLimit`.
 */
export function orderedHash(text: string, seed: number): number {
  return signedMurmur3(text, seed) ^ -(2 ** 31);
}

/** The limit of a bucket for `orderedHash`. */
export function orderedLimit(bucket: number): number {
  return hashLimit(bucket) - 2 ** 31;
}

/** The text that stands for a unit: a text as it is, a whole number as its digits; `undefined` for anything else, and for no text at all. */
export function unitText(unit: unknown): string | undefined {
  if (typeof unit === 'string') return unit === '' ? undefined : unit;
  return Number.isSafeInteger(unit) ? String(unit) : undefined;
}
