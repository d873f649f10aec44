/** Owns evaluating by name among all flags that there are. */
import type { JsonValue } from '../json.ts';
import type { CompiledFlag, FlagWorld } from './compile.ts';
import { explainEvaluation, type FlagTrace } from './trace.ts';
import type { FlagContext, FlagEvaluation } from './flag.ts';
import { notFound } from './result.ts';
import type { CompiledSegment } from './segment.ts';

/** All flags of one place, for evaluating them. */
export interface FlagSet {
  /**
   * The result of a flag for a context; without one, for an empty one. Never throws, whatever name and context are.
   * @param fallback the value when there is no such flag. Default: false.
   */
  readonly evaluate: (name: string, context?: FlagContext, fallback?: JsonValue) => FlagEvaluation;
  /** The results of all flags that are not archived, by name. */
  readonly evaluateAll: (context?: FlagContext) => ReadonlyMap<string, FlagEvaluation>;
  /** The result of a flag with the way to it. */
  readonly explain: (name: string, context?: FlagContext, fallback?: JsonValue) => FlagTrace;
}

/** What a set evaluates. Its owner may change the maps: the next evaluation goes by what is there then. */
export interface FlagSource {
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  readonly segments: ReadonlyMap<string, CompiledSegment>;
  /** Milliseconds since 1970, for schedules. */
  readonly now: () => number;
}

const emptyContext: FlagContext = Object.freeze({});

/** A set of flags over maps of them by name. */
export function createFlagSet({ flags, segments, now }: FlagSource): FlagSet {
  const world: FlagWorld = { flag: (name) => flags.get(name), segment: (name) => segments.get(name), now };
  return {
    evaluate: (name, context = emptyContext, fallback = false) => {
      const flag = flags.get(name);
      return flag === undefined ? notFound(name, fallback) : flag.evaluate(context, world);
    },
    evaluateAll: (context = emptyContext) => {
      const evaluations = new Map<string, FlagEvaluation>();
      for (const [name, flag] of flags)
        if (flag.definition.archived !== true) evaluations.set(name, flag.evaluate(context, world));
      return evaluations;
    },
    explain: (name, context = emptyContext, fallback = false) => {
      const flag = flags.get(name);
      return flag === undefined ? { evaluation: notFound(name, fallback) } : explainEvaluation(flag, context, world);
    },
  };
}
