/** Owns segments: compiling one to a test whether a context is in it. */
import type { JsonValue } from '../json.ts';
import { attributeReader } from './attribute.ts';
import { unitText } from './bucket.ts';
import { allHold, compileConditions, type CompiledCondition } from './condition.ts';
import type { FlagContext, FlagSegment, PatternEngine } from './flag.ts';
import { refuseProblems, validateSegment } from './validate.ts';

/** A segment that can be asked. */
export interface CompiledSegment {
  readonly definition: FlagSegment;
  readonly conditions: readonly CompiledCondition[];
  /** @throws FlagFault at a condition with an operator that is unknown here. */
  readonly contains: (context: FlagContext) => boolean;
}

/**
 * Compiles a segment.
 * @throws ConfigurationError `validation_failed` with every problem; not for operators that are unknown here.
 */
export function compileSegment(
  definition: FlagSegment,
  { patterns }: { readonly patterns: PatternEngine },
): CompiledSegment {
  refuseProblems(validateSegment(definition as unknown as JsonValue, { patterns, acceptUnknownOperators: true }));
  const included = new Set(definition.included);
  const excluded = new Set(definition.excluded);
  const conditions = compileConditions(definition.conditions ?? [], patterns);
  const all = conditions.length === 0 ? () => false : allHold(conditions);
  const read = attributeReader(definition.bucketBy ?? 'userId') ?? (() => undefined);
  return {
    definition,
    conditions,
    contains: (context) => {
      const unit = unitText(read(context));
      if (unit !== undefined && excluded.has(unit)) return false;
      return (unit !== undefined && included.has(unit)) || all(context);
    },
  };
}
