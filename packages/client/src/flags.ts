/** Owns the calls on feature flags: what they are, their changes, and what they serve for a context. */
import type {
  FeatureFlag,
  FlagContext,
  FlagEvaluation,
  FlagTrace,
  JsonValue,
  ScopeContext,
  ScopeInput,
} from '@strata/core';
import { conditionHeaders, scopeQuery, type Place } from './address.ts';
import type { Connection } from './connection.ts';
import type { DryRun, VersionRecord, WriteOptions } from './layers.ts';

/** A flag as it is at a scope. */
export interface FlagRecord extends FeatureFlag, Place {
  /** 100 where the flag does not say. */
  readonly rolloutPercentage: number;
  readonly archived: boolean;
  /** The version of the layer nearest to the scope. */
  readonly version: string;
  /** The revision of the newest of its layers. */
  readonly revision: number;
}

/** The flags at a scope. */
export interface FlagList extends Place {
  readonly flags: readonly FlagRecord[];
}

/** Which flags are listed, and as seen from where. */
export interface FlagFilter {
  /** Default: global. */
  readonly scope?: ScopeContext | undefined;
  readonly enabled?: boolean | undefined;
  /** Archived flags instead of the others, or all. Default: the others. */
  readonly archived?: boolean | 'all' | undefined;
  /** A name, or a glob of names. */
  readonly name?: string | undefined;
  readonly tag?: string | undefined;
  readonly owner?: string | undefined;
  readonly segment?: string | undefined;
  readonly prerequisite?: string | undefined;
}

/** The options of a change of a flag. */
export interface FlagChangeOptions extends WriteOptions {
  /** The scope whose layer is changed. Default: global. */
  readonly scope?: ScopeInput | undefined;
}

/** How a flag is evaluated. */
export interface EvaluateOptions {
  /** The value of a flag that cannot be evaluated. Default: false. */
  readonly default?: JsonValue | undefined;
  /** The scope whose flags are evaluated. Default: the user, the team or the org of the context. */
  readonly scope?: ScopeContext | undefined;
}

/** A layer of a flag, and which parts of the flag it gives. */
export interface FlagLayer extends Place {
  readonly version: string | null;
  readonly parts: readonly string[];
}

/** An evaluation with the way to it. */
export interface FlagExplanation extends FlagTrace {
  readonly name: string;
  readonly chain: readonly Place[];
  readonly layers: readonly FlagLayer[];
  /** The part that decided, and the layer that gives it. */
  readonly origin?: Place & { readonly path: string; readonly version: string | null };
}

/** The calls on feature flags. A scope is global where none is given. */
export function flagCalls(connection: Connection) {
  // The server takes names as they are, with nothing encoded that they may hold.
  const path = (name: string, action = ''): string =>
    `/v1/flags/${encodeURIComponent(name).replaceAll('%3A', ':')}${action}`;
  const change = (method: 'POST' | 'PUT', at: string, options: FlagChangeOptions, body: object) => {
    const { comment, force, breakGlass, scope } = options;
    return {
      method,
      path: at,
      query: scopeQuery(scope),
      headers: conditionHeaders(options),
      body: { ...body, comment, force, breakGlass },
    } as const;
  };
  // That there is none yet is the condition of a creation.
  const creation = (flag: object, options: Omit<FlagChangeOptions, 'ifVersion'>) =>
    change('POST', '/v1/flags', options, { flag });
  const toggling = (name: string, enabled: boolean | undefined, options: FlagChangeOptions) =>
    change('POST', path(name, '/toggle'), options, { enabled });
  const rollout = (name: string, percentage: number, options: FlagChangeOptions) =>
    change('POST', path(name, '/rollout'), options, { percentage });
  const archiving = (name: string, options: FlagChangeOptions) => change('POST', path(name, '/archive'), options, {});
  const written = (call: ReturnType<typeof change>) => connection.send<VersionRecord>(call);
  const tried = (call: ReturnType<typeof change>) =>
    connection.send<DryRun>({ ...call, query: { ...call.query, dryRun: 'true' } });
  return {
    /** The flags at a scope, merged with what it inherits. */
    listFlags: ({ scope, enabled, archived, ...filter }: FlagFilter = {}) =>
      connection.send<FlagList>({
        path: '/v1/flags',
        query: {
          ...scopeQuery(scope),
          ...filter,
          enabled: enabled === undefined ? undefined : String(enabled),
          archived: archived === undefined ? undefined : String(archived),
        },
      }),

    /** One flag at a scope. @throws `flag_not_found`. */
    getFlag: (name: string, scope?: ScopeContext) =>
      connection.send<FlagRecord>({ path: path(name), query: scopeQuery(scope) }),

    /** Creates a flag, or overrides one at a scope that does not yet. @throws `conflict` where there is one, `validation_failed`, … */
    createFlag: (flag: FeatureFlag | object, options: Omit<FlagChangeOptions, 'ifVersion'> = {}) =>
      written(creation(flag, options)),

    /** What `createFlag` would do. */
    tryCreateFlag: (flag: FeatureFlag | object, options: Omit<FlagChangeOptions, 'ifVersion'> = {}) =>
      tried(creation(flag, options)),

    /** Stores a flag, or what a scope overrides of it. @throws `conflict` (with `ifVersion`), `validation_failed`, … */
    setFlag: (name: string, flag: object, options: FlagChangeOptions = {}) =>
      written(change('PUT', path(name), options, { flag })),

    /** Switches a flag on or off for everybody. @param enabled default: what it is not now. @throws `flag_not_found`, … */
    toggleFlag: (name: string, enabled?: boolean, options: FlagChangeOptions = {}) =>
      written(toggling(name, enabled, options)),

    /** What `toggleFlag` would do. */
    tryToggleFlag: (name: string, enabled?: boolean, options: FlagChangeOptions = {}) =>
      tried(toggling(name, enabled, options)),

    /** Sets the percentage of units that a flag is on for: 0 to 100. @throws `flag_not_found`, `validation_failed`, … */
    setFlagRollout: (name: string, percentage: number, options: FlagChangeOptions = {}) =>
      written(rollout(name, percentage, options)),

    /** What `setFlagRollout` would do. */
    trySetFlagRollout: (name: string, percentage: number, options: FlagChangeOptions = {}) =>
      tried(rollout(name, percentage, options)),

    /** Archives a flag: off for good, and its name is not used again. @throws `flag_not_found`, `would_break`, … */
    archiveFlag: (name: string, options: FlagChangeOptions = {}) => written(archiving(name, options)),

    /** What `archiveFlag` would do. */
    tryArchiveFlag: (name: string, options: FlagChangeOptions = {}) => tried(archiving(name, options)),

    /** What a flag serves for a context. An unknown flag is no failure: it serves the default, with `FLAG_NOT_FOUND`. */
    evaluateFlag: (name: string, context: FlagContext = {}, options: EvaluateOptions = {}) =>
      connection.send<FlagEvaluation>({
        method: 'POST',
        path: path(name, '/evaluate'),
        body: { context, default: options.default, scope: options.scope },
      }),

    /** The same with the way to it. */
    explainFlag: (name: string, context: FlagContext = {}, options: EvaluateOptions = {}) =>
      connection.send<FlagExplanation>({
        method: 'POST',
        path: path(name, '/explain'),
        body: { context, default: options.default, scope: options.scope },
      }),

    /** What every flag serves for a context, by name. */
    evaluateAll: (context: FlagContext = {}, { scope }: Pick<EvaluateOptions, 'scope'> = {}) =>
      connection.send<{ readonly flags: Readonly<Record<string, FlagEvaluation>> }>({
        method: 'POST',
        path: '/v1/evaluate',
        body: { context, scope },
      }),
  };
}
