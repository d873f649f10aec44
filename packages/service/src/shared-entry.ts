/** Owns the form of an effective value outside this process: its name, its text, and the seal that only the store's processes can make. */
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { deepFreeze, readJson, scopes, type JsonValue, type ScopeRef, type ScopeRequest } from '@strata/core';
import { builtInDefinitions } from '@strata/core/schema';
import { sha256 } from './digest.ts';
import type { StoreIdentity } from './store/store-identity.ts';

/** An effective value with what it has to be judged by. */
export interface SharedEntry {
  /** `null` when no layer gives a value. */
  readonly value: JsonValue;
  /** The revision that was read in the same snapshot as the value. */
  readonly revision: number;
  /** The commit of that revision, read in the same snapshot; empty at revision 0. */
  readonly commit: string;
  /** Every scope that the value inherits along. */
  readonly chain: readonly ScopeRef[];
  /** Teams beside the chain whose parents decided which team is on it. */
  readonly beside: readonly ScopeRef[];
  /** When the read began, by the clock of the process that read, in milliseconds. */
  readonly readAt: number;
  /** The process that read, and how often it had forgotten values on request before. */
  readonly reader: string;
  readonly forgotten: number;
}

/** Processes of another form, or with other built-in definitions, find nothing of each other. */
const form = `1 ${sha256(JSON.stringify([...builtInDefinitions])).slice(0, 16)}`;

const sealLength = 43;

/** Names, writes and reads the entries of one environment of one store. */
export class EntryCodec {
  readonly #secret: KeyObject;
  readonly #place: string;

  constructor(identity: StoreIdentity, environment: string) {
    this.#secret = createSecretKey(identity.cacheSecret, 'hex');
    this.#place = tuple([form, identity.id, environment]);
  }

  /** The name under which a key's value at a scope is kept. It tells nobody else which key and scope these are. */
  nameOf(key: string, { scope, scopeId, organizationId, teamId }: ScopeRequest): string {
    const asked = tuple([key, scope, scopeId, organizationId ?? null, teamId ?? null]);
    return `strata:${this.#digest(`name ${this.#place}${asked}`)}`;
  }

  /** Writes an entry for a name. */
  write(name: string, entry: SharedEntry): string {
    const { value, revision, commit, chain, beside, readAt, reader, forgotten } = entry;
    const body = JSON.stringify([
      revision,
      commit,
      readAt,
      reader,
      forgotten,
      chain.map(pair),
      beside.map(pair),
      value,
    ]);
    return this.#seal(name, body) + body;
  }

  /** Reads what was found under a name: an entry that one of the store's processes wrote for that very name, or what is wrong with it. */
  read(name: string, text: unknown): SharedEntry | 'malformed' | 'forged' {
    if (typeof text !== 'string' || text.length <= sealLength) return 'malformed';
    const body = text.slice(sealLength);
    const seal = Buffer.from(text.slice(0, sealLength));
    const right = Buffer.from(this.#seal(name, body));
    if (seal.length !== right.length || !timingSafeEqual(seal, right)) return 'forged';
    return toEntry(body);
  }

  // A name has one length, so nothing of it can be taken for a part of the body.
  #seal(name: string, body: string): string {
    return this.#digest(`entry ${name} ${body}`);
  }

  #digest(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

/** A text in which each part keeps its bounds, whatever characters it has. */
function tuple(parts: readonly (string | null)[]): string {
  return parts.map((part) => (part === null ? '-' : `${String(part.length)}:${part}`)).join('');
}

const pair = ({ scope, scopeId }: ScopeRef): readonly [number, string] => [scopes.indexOf(scope), scopeId];

type Body = readonly [
  revision: number,
  commit: string,
  readAt: number,
  reader: string,
  forgotten: number,
  chain: readonly (readonly [number, string])[],
  beside: readonly (readonly [number, string])[],
  value: JsonValue,
];

/** The seal vouches for the form, since nobody but a process of this form can have made it. */
function toEntry(body: string): SharedEntry {
  const [revision, commit, readAt, reader, forgotten, chain, beside, value] = readJson(body) as unknown as Body;
  return {
    revision,
    commit,
    readAt,
    reader,
    forgotten,
    chain: chain.map(toScope),
    beside: beside.map(toScope),
    value: deepFreeze(value),
  };
}

function toScope([scope, scopeId]: readonly [number, string]): ScopeRef {
  return { scope: scopes[scope] ?? 'global', scopeId };
}
