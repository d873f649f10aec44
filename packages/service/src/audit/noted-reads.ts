/** Owns which methods are ordinary reads, and what of their arguments the audit log says. */
import type { ScopeInput } from '@strata/core';
import type { Actor } from '../actor.ts';
import type { AuditedReads } from '../context.ts';
import type { AuditEntry } from '../store/audit.ts';
import { noting } from './reads.ts';

type About = AuditEntry['about'];
type Arguments = readonly unknown[];

const one = ([key, scope]: Arguments): About[] => [about(key, scope)];
const every = ([scope]: Arguments): About[] => [about(undefined, scope)];
const each = ([keys, scope]: Arguments): About[] => (keys as unknown[]).map((key) => about(key, scope));
const ofOptions = (index: number) => (args: Arguments): About[] => [about(args[0], (args[index] as { readonly scope?: unknown } | undefined)?.scope)]; // prettier-ignore

/** What each read is about, by its arguments; looked at only once the read has found them to be in order. */
const reads = {
  get: one,
  peek: one,
  read: one,
  getBatch: each,
  readBatch: each,
  getAll: every,
  readAll: every,
  getLayer: one,
  explain: one,
  blame: one,
  exportConfig: every,
  getVersion: ofOptions(2),
  getHistory: ofOptions(2),
  getDiff: ofOptions(3),
} as const;

type Method = (...args: never[]) => unknown;

/** A service with its reads noted: who read what. */
export function withNotedReads<Service extends Readonly<Record<keyof typeof reads, Method>>>(
  log: AuditedReads,
  actor: Actor,
  service: Service,
): Service {
  const noted = Object.entries(reads).map(([call, places]) => {
    const read = service[call as keyof typeof reads] as (...args: Arguments) => unknown;
    const method = (...args: Arguments): unknown =>
      noting(log, { actor, metadata: { call } }, () => places(args), () => read(...args)); // prettier-ignore
    return [call, method] as const;
  });
  return { ...service, ...Object.fromEntries(noted) };
}

function about(key: unknown, scope: unknown): About {
  const given = scope as ScopeInput | undefined;
  return { key: key as string | undefined, scope: given?.scope ?? 'global', scopeId: given?.scopeId ?? '' };
}
