/** Owns a simulation of processes that share values: every step at any moment, faults included, and what each process is told. */
import { EffectiveValueCache } from '../packages/service/src/cache.ts';
import { CommitHistory } from '../packages/service/src/commit-history.ts';
import { EntryCodec, type SharedEntry } from '../packages/service/src/shared-entry.ts';
import { SharedValues } from '../packages/service/src/shared-values.ts';
import type { ScopeRef, ScopeRequest } from '../packages/core/src/scope.ts';

const globalScope: ScopeRef = { scope: 'global', scopeId: '' };
const orgs: readonly ScopeRef[] = ['a', 'b'].map((scopeId) => ({ scope: 'org', scopeId }));
const team: ScopeRef = { scope: 'team', scopeId: 't' };
const key = 'k';
const requests: readonly ScopeRequest[] = [team, globalScope];

/** What a commit did. */
type Change =
  | { readonly kind: 'layer'; readonly scope: ScopeRef }
  | { readonly kind: 'link'; readonly parent: ScopeRef | undefined }
  | { readonly kind: 'definition' };

/** A store right after a commit. */
interface State {
  readonly revision: number;
  readonly commit: string;
  readonly change: Change | undefined;
  readonly layers: ReadonlyMap<string, string>;
  readonly parent: ScopeRef | undefined;
  readonly definition: string;
}

/** A history of a store: its states by revision. Putting a store back makes another one with the same beginning. */
type Timeline = readonly State[];

/** What a process holds of the real parts, and where it is. */
interface Process {
  readonly name: string;
  cache: EffectiveValueCache;
  history: CommitHistory;
  values: SharedValues;
  /** The history that it believes in; undefined before its first read. */
  timeline: Timeline | undefined;
  cursor: number;
  /** Nothing older than this may be told any more, by request. */
  told: Map<ScopeRequest, number>;
  /** What it read ahead of its feed: until the feed gets there, nobody can tell it that the store was put back meanwhile. */
  ahead: State[];
  reads: Read[];
  fetches: Fetch[];
}

/** A read whose answer is on its way. */
interface Read {
  readonly request: ScopeRequest;
  readonly state: State;
  readonly mark: SharedValues['mark'];
  readonly forgotten: number;
}

/** What Redis answered, on its way. */
interface Fetch {
  readonly request: ScopeRequest;
  readonly text: string | undefined;
}

/** The real parts, or broken ones. */
export interface Parts {
  readonly Cache: typeof EffectiveValueCache;
  readonly History: typeof CommitHistory;
  readonly Values: typeof SharedValues;
  readonly Codec: typeof EntryCodec;
  /** The state that an entry is stamped with, when the store has moved on from the one that was read. */
  readonly stampOf: (read: State, now: State) => State;
  /** Whether a process notes its own commit before it answers the writer. */
  readonly notesOwn: boolean;
}

/** The parts as they are. */
export const realParts: Parts = {
  Cache: EffectiveValueCache,
  History: CommitHistory,
  Values: SharedValues,
  Codec: EntryCodec,
  stampOf: (read) => read,
  notesOwn: true,
};

/** A generator of numbers from 0 up to 1 (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Codecs are dear to make and have no state. */
const codecs = new Map<typeof EntryCodec, EntryCodec>();
function codecOf(Codec: typeof EntryCodec): EntryCodec {
  let codec = codecs.get(Codec);
  if (codec === undefined) {
    codec = new Codec({ id: '11111111-1111-4111-8111-111111111111', cacheSecret: '07'.repeat(32) }, 'default');
    codecs.set(Codec, codec);
  }
  return codec;
}

const names = new Map<EntryCodec, Map<ScopeRequest, string>>();
function nameIn(codec: EntryCodec, request: ScopeRequest): string {
  let known = names.get(codec);
  if (known === undefined) {
    known = new Map(requests.map((one) => [one, codec.nameOf(key, one)]));
    names.set(codec, known);
  }
  return known.get(request) ?? '';
}

/** One trial: some dozens of random steps. Answers what was told wrongly; undefined when nothing was. */
export function trial(seed: number, parts: Parts = realParts): string | undefined {
  return new Trial(generator(seed), parts).run();
}

class Trial {
  readonly #random: () => number;
  readonly #parts: Parts;
  readonly #codec: EntryCodec;
  readonly #redis = new Map<string, string>();
  /** What Redis once held: an attacker has kept it. */
  readonly #kept: string[] = [];
  readonly #writes: (() => void)[] = [];
  readonly #processes: Process[] = [];
  #timeline: Timeline = [
    { revision: 0, commit: '', change: undefined, layers: new Map(), parent: orgs[0], definition: 'd0' },
  ];
  #commits = 0;
  #failure: string | undefined;

  constructor(random: () => number, parts: Parts) {
    this.#random = random;
    this.#parts = parts;
    this.#codec = codecOf(parts.Codec);
  }

  run(): string | undefined {
    for (let n = 0; n < 3; n += 1) this.#commit();
    for (let n = 0; n < 2; n += 1) this.#processes.push(this.#start(String(n)));
    for (let step = 0; step < 40 && this.#failure === undefined; step += 1) this.#step();
    return this.#failure;
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('there is nothing to pick');
    return item;
  }

  get #tip(): State {
    const tip = this.#timeline.at(-1);
    if (tip === undefined) throw new Error('a history has a first state');
    return tip;
  }

  #start(name: string): Process {
    const { Cache, History, Values } = this.#parts;
    const cache = new Cache({ maxEntries: this.#random() < 0.3 ? 1 : 10, ttl: 300 });
    const history = new History();
    return {
      name,
      cache,
      history,
      values: new Values({ cache, history, ttl: 300, reader: name, now: () => 0 }),
      timeline: undefined,
      cursor: -1,
      told: new Map(),
      ahead: [],
      reads: [],
      fetches: [],
    };
  }

  #step(): void {
    const process = this.#pick(this.#processes);
    const chance = this.#random();
    if (chance < 0.16) this.#write(this.#random() < 0.6 ? process : undefined);
    else if (chance < 0.34) this.#deliver(process);
    else if (chance < 0.6) this.#get(process);
    else if (chance < 0.74) this.#endRead(process);
    else if (chance < 0.84) this.#endFetch(process);
    else if (chance < 0.91) this.#writes.splice(Math.floor(this.#random() * this.#writes.length), 1)[0]?.();
    else if (chance < 0.94) this.#forget(process);
    else if (chance < 0.97) this.#disturb();
    else if (chance < 0.985) this.#putBack();
    else this.#processes[this.#processes.indexOf(process)] = this.#start(`${process.name}'`);
  }

  #commit(): State {
    this.#commits += 1;
    const commit = `c${String(this.#commits)}`;
    const { revision, layers, parent, definition } = this.#tip;
    const change = this.#change();
    const state: State = {
      revision: revision + 1,
      commit,
      change,
      layers: change.kind === 'layer' ? new Map([...layers, [nameOf(change.scope), commit]]) : layers,
      parent: change.kind === 'link' ? change.parent : parent,
      definition: change.kind === 'definition' ? commit : definition,
    };
    this.#timeline = [...this.#timeline, state];
    return state;
  }

  #change(): Change {
    const chance = this.#random();
    if (chance < 0.6) return { kind: 'layer', scope: this.#pick([globalScope, ...orgs, team]) };
    if (chance < 0.85)
      return { kind: 'link', ...this.#pick([{ parent: orgs[0] }, { parent: orgs[1] }, { parent: undefined }]) };
    return { kind: 'definition' };
  }

  /**
   * A write by a process, or by one that is not simulated. Who has not noticed yet that the store was put back is promised nothing of its
   * own write before the feed, which a write wakes, has told it.
   */
  #write(process: Process | undefined): void {
    const state = this.#commit();
    if (process === undefined) return;
    if (this.#parts.notesOwn) this.#note(process, state);
    if (state.revision <= process.cursor || process.history.seen >= state.revision) return;
    // Where a scope inherits from an address only since a move that the process has not heard of, it is not its own write yet.
    const known = this.#timeline.slice(Math.max(0, process.cursor));
    for (const request of requests)
      if (known.every(({ parent }) => touches({ ...state, parent }, request)))
        this.#tell(process, request, state.revision);
  }

  #note({ cache }: Process, { change, revision }: State): void {
    if (change?.kind === 'layer') cache.layerChanged(key, change.scope, revision);
    else if (change?.kind === 'link') cache.linksChanged(team, revision);
    else if (change?.kind === 'definition') cache.definitionChanged(key, revision);
  }

  #tell({ told }: Process, request: ScopeRequest, revision: number): void {
    told.set(request, Math.max(told.get(request) ?? 0, revision));
  }

  /** The feed of a process looks for new commits, as far as it gets. */
  #deliver(process: Process): void {
    const { cache, history, cursor, timeline } = process;
    if (timeline === undefined) return;
    const upTo = Math.min(this.#tip.revision, cursor + 1 + Math.floor(this.#random() * 4));
    const page = this.#timeline.slice(cursor + 1, upTo + 1);
    if (
      this.#timeline[cursor]?.commit !== timeline[cursor]?.commit ||
      history.isContradictedBy(page, this.#tip.revision, history.seen)
    ) {
      cache.reset(this.#tip.revision);
      history.begin(this.#tip.revision);
      history.note(this.#tip.revision, this.#tip.commit);
      process.timeline = this.#timeline;
      process.cursor = this.#tip.revision;
      process.told.clear();
      process.ahead = [];
      return;
    }
    process.timeline = this.#timeline;
    if (cursor === 0 || !history.holds(cursor, timeline[cursor]?.commit ?? '')) {
      history.note(cursor, this.#timeline[cursor]?.commit ?? '');
    }
    for (const state of page) {
      this.#note(process, state);
      history.note(state.revision, state.commit);
    }
    process.cursor = upTo;
    process.ahead = process.ahead.filter(({ revision }) => revision > upTo);
  }

  #get(process: Process): void {
    const request = this.#pick(requests);
    const entry = process.cache.find(key, request);
    if (entry !== undefined) this.#check(process, request, entry.value, 'memory');
    else if (this.#random() < 0.5) {
      process.fetches.push({ request, text: this.#redis.get(nameIn(this.#codec, request)) });
    } else this.#beginRead(process, request);
  }

  #beginRead(process: Process, request: ScopeRequest): void {
    const { cache, values } = process;
    process.reads.push({ request, state: this.#tip, mark: values.mark, forgotten: cache.forgotten });
  }

  #endRead(process: Process): void {
    const [read] = process.reads.splice(Math.floor(this.#random() * process.reads.length), 1);
    if (read === undefined) return;
    const { request, state, mark, forgotten } = read;
    this.#follow(process, state);
    if (process.cache.forgotten !== forgotten) return;
    process.history.saw(state.revision, state.commit);
    if (process.timeline?.[state.revision]?.commit !== state.commit || state.revision > process.cursor) {
      process.ahead.push(state);
    }
    const value = valueAt(state, request);
    const chain = chainAt(state, request);
    if (!process.cache.keep(key, request, value, state.revision, { key, chain })) return;
    this.#tell(process, request, state.revision);
    const { revision, commit } = this.#parts.stampOf(state, this.#tip);
    const entry: SharedEntry = { value, revision, commit, chain, beside: [], ...mark };
    const name = nameIn(this.#codec, request);
    const text = this.#codec.write(name, entry);
    this.#kept.push(text);
    this.#writes.push(() => this.#redis.set(name, text));
  }

  /** The feed of a process begins with its first read, some commits back. */
  #follow(process: Process, { revision }: State): void {
    if (process.timeline !== undefined) return;
    const start = Math.max(0, revision - 3);
    process.timeline = this.#timeline;
    process.cursor = start;
    process.history.begin(revision);
    process.cache.everythingChanged(start);
  }

  #endFetch(process: Process): void {
    const [fetch] = process.fetches.splice(Math.floor(this.#random() * process.fetches.length), 1);
    if (fetch === undefined) return;
    const { request, text } = fetch;
    if (text !== undefined) {
      const found = this.#codec.read(nameIn(this.#codec, request), text);
      const outcome = process.values.accept(found, key, request);
      if (typeof outcome === 'object') {
        this.#check(process, request, outcome.value, 'Redis');
        return;
      }
    }
    this.#beginRead(process, request);
  }

  #forget({ cache, values }: Process): void {
    cache.forget(() => true);
    if (this.#random() < 0.3) values.forget(() => true);
  }

  /** Redis loses, swaps, keeps or makes up what it likes. */
  #disturb(): void {
    const [one, other] = requests.map((request) => nameIn(this.#codec, request)) as [string, string];
    const chance = this.#random();
    if (chance < 0.25) this.#redis.clear();
    else if (chance < 0.5) {
      const [a, b] = [this.#redis.get(one), this.#redis.get(other)];
      if (a !== undefined) this.#redis.set(other, a);
      if (b !== undefined) this.#redis.set(one, b);
    } else if (chance < 0.7) {
      const text = this.#redis.get(one);
      if (text !== undefined) this.#redis.set(one, text.replaceAll('"c1"', '"c2"').replace(/[0-9](?=")/, '9'));
    } else if (this.#kept.length > 0) this.#redis.set(this.#pick([one, other]), this.#pick(this.#kept));
  }

  /** The store is put back to an earlier state, or its copy that lagged takes over, and goes on from there. */
  #putBack(): void {
    this.#timeline = this.#timeline.slice(0, 1 + Math.floor(this.#random() * this.#timeline.length));
    // Reads under way had their answer from the store that is gone; connections to it are cut.
    for (const process of this.#processes) process.reads = [];
    this.#commit();
  }

  /**
   * What a process is told is what held at some revision that is neither older than all it has followed nor than what it has written
   * or was told before: in the history it believes in, or in the store's.
   */
  #check(process: Process, request: ScopeRequest, value: unknown, from: string): void {
    const { timeline, cursor, told } = process;
    const least = Math.max(cursor, told.get(request) ?? 0);
    const believed = (timeline ?? [])
      .slice(Math.min(least, this.#lastOf(timeline)))
      .map((state) => valueAt(state, request));
    const stored = this.#timeline.slice(timeline === this.#timeline || this.#continues(timeline, cursor) ? least : 0);
    if (process.ahead.some((state) => valueAt(state, request) === value)) return;
    if (believed.includes(value as string) || stored.some((state) => valueAt(state, request) === value)) return;
    this.#failure = `process ${process.name} was told ${String(value)} of ${request.scope} from ${from}, at ${String(least)} or later: ${believed.join(', ')}`;
  }

  #lastOf(timeline: Timeline | undefined): number {
    return (timeline?.length ?? 1) - 1;
  }

  #continues(timeline: Timeline | undefined, cursor: number): boolean {
    return timeline !== undefined && timeline[cursor]?.commit === this.#timeline[cursor]?.commit;
  }
}

const nameOf = ({ scope, scopeId }: ScopeRef): string => `${scope} ${scopeId}`;

function chainAt({ parent }: State, request: ScopeRequest): readonly ScopeRef[] {
  if (request.scope === 'global') return [globalScope];
  return parent === undefined ? [globalScope, team] : [globalScope, parent, team];
}

/** The effective value, as a text that tells of everything it was made of. */
function valueAt(state: State, request: ScopeRequest): string {
  const layers = chainAt(state, request).map((scope) => `${nameOf(scope)}=${state.layers.get(nameOf(scope)) ?? ''}`);
  return `${state.definition} ${layers.join(' ')}`;
}

function touches({ change, parent }: State, request: ScopeRequest): boolean {
  if (change?.kind === 'definition') return true;
  if (change?.kind === 'link') return request === team;
  return (
    change !== undefined &&
    chainAt({ parent } as State, request).some((scope) => nameOf(scope) === nameOf(change.scope))
  );
}
