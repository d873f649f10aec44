/** Owns the proof of the rules by which a process serves what others read: under random interleavings, and that it can tell. */
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { realParts, trial, type Parts } from '../../../test/shared-cache-simulation.ts';
import { EffectiveValueCache } from './cache.ts';
import { CommitHistory } from './commit-history.ts';
import { EntryCodec, type SharedEntry } from './shared-entry.ts';

/** The first of some trials in which a process was told something wrong. */
function firstFailure(trials: number, parts: Parts): string | undefined {
  for (let seed = 1; seed <= trials; seed += 1) {
    const failure = trial(seed, parts);
    if (failure !== undefined) return `seed ${String(seed)}: ${failure}`;
  }
  return undefined;
}

class NoFloor extends EffectiveValueCache {
  override everythingChanged(): void {
    // It trusts what it was never told of.
  }
}
class OneTooFew extends EffectiveValueCache {
  override layerChanged(
    key: string,
    scope: Parameters<EffectiveValueCache['layerChanged']>[1],
    revision: number,
  ): void {
    super.layerChanged(key, scope, revision - 1);
  }
}
class NoLinks extends EffectiveValueCache {
  override linksChanged(): void {
    // It takes no note.
  }
}
class NoDefinitions extends EffectiveValueCache {
  override definitionChanged(): void {
    // It takes no note.
  }
}
class NoReset extends EffectiveValueCache {
  override reset(revision: number): void {
    this.everythingChanged(revision);
  }
}
class TrustingCache extends EffectiveValueCache {
  override keep(...[key, request, value, revision, from, shared]: Parameters<EffectiveValueCache['keep']>): boolean {
    return shared === undefined ? super.keep(key, request, value, revision, from) : true;
  }
}
class Backwards extends EffectiveValueCache {
  override keep(...[key, request, value, revision, from]: Parameters<EffectiveValueCache['keep']>): boolean {
    return super.keep(key, request, value, revision, from);
  }
}
class AnyHistory extends CommitHistory {
  override holds(): boolean {
    return this.followed !== undefined;
  }
}
class Hasty extends CommitHistory {
  override get followed(): number | undefined {
    return Number.MAX_SAFE_INTEGER;
  }
  override holds(): boolean {
    return true;
  }
}
class NoSeal extends EntryCodec {
  override read(name: string, text: unknown): SharedEntry | 'malformed' | 'forged' {
    const found = super.read(name, text);
    if (found !== 'forged' || typeof text !== 'string') return found;
    const [revision, commit, readAt, reader, forgotten, , , value] = JSON.parse(text.slice(43)) as never[];
    return { ...blank, revision, commit, readAt, reader, forgotten, value } as unknown as SharedEntry;
  }
}
const blank = { chain: [{ scope: 'global', scopeId: '' }], beside: [] };

const broken: readonly (readonly [what: string, parts: Partial<Parts>])[] = [
  ['forgets that what came before its start is unknown', { Cache: NoFloor }],
  ['takes an entry of the revision before a change for one of after it', { Cache: OneTooFew }],
  ['misses moves of scopes', { Cache: NoLinks }],
  ['misses changes of definitions', { Cache: NoDefinitions }],
  ['keeps what it held when the store was put back', { Cache: NoReset }],
  ['takes what is in Redis for right', { Cache: TrustingCache }],
  ['goes back behind what it was told', { Cache: Backwards }],
  ['takes a revision for a place in every history', { History: AnyHistory }],
  ['serves before it has caught up with its first read', { History: Hasty }],
  ['trusts entries that nobody sealed', { Codec: NoSeal }],
  ['stamps values with the revision of after the read', { stampOf: (_, now) => now }],
  ['learns of its own commits from the feed alone', { notesOwn: false }],
];

describe('processes that share values', () => {
  it('are told nothing older than they know, in 100,000 random interleavings with faults', () => {
    const began = performance.now();
    expect(firstFailure(100_000, realParts)).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(60_000);
  }, 120_000);

  it.each(broken)('would be seen to be told something wrong by a cache that %s', (_, parts) => {
    expect(firstFailure(100_000, { ...realParts, ...parts })).toBeDefined();
  });
});
