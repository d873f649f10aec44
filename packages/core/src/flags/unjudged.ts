/** Owns what of a flag cannot be judged for somebody of whom nothing is known but who he is and where he belongs. */
import { attributePath } from './attribute.ts';
import type { CompiledFlag, CompiledRule, FlagWorld } from './compile.ts';
import type { CompiledCondition } from './condition.ts';

/** A part of a flag that goes by attributes that are unknown. */
export interface UnjudgedPart {
  /** The flag, and which part of it: `rule beta`, `conditions` or `rollout`. */
  readonly flag: string;
  readonly part: string;
  /** As they are written. */
  readonly attributes: readonly string[];
}

/** Attributes that a registry of users gives: who somebody is, and the team and org he belongs to. */
const known: ReadonlySet<unknown> = new Set(['userId', 'targetingKey', 'teamId', 'organizationId']);

/**
 * The parts of a flag, and of those that it waits for, that go by other attributes than those of a registry. A flag that is off for everybody
 * has none. An evaluation without these attributes takes them for missing.
 */
export function unjudgedParts(flag: CompiledFlag, world: FlagWorld): readonly UnjudgedPart[] {
  const found: UnjudgedPart[] = [];
  const looked = new Set<string>();
  const visit = ({ definition, parts }: CompiledFlag): void => {
    if (looked.has(definition.name)) return;
    looked.add(definition.name);
    if (parts.isOff) return;
    const add = (part: string, attributes: readonly string[]): void => {
      const unknown = attributes.filter((attribute) => !known.has(attributePath(attribute)?.[0]));
      if (unknown.length > 0) found.push({ flag: definition.name, part, attributes: [...new Set(unknown)] });
    };
    for (const { definition: needed } of parts.prerequisites) {
      const other = world.flag(needed.flag);
      if (other !== undefined) visit(other);
    }
    add('conditions', attributesOf(parts.conditions));
    for (const rule of parts.rules) add(`rule ${rule.definition.id}`, attributesOfRule(rule, world));
    add(
      'rollout',
      parts.servings.flatMap(({ serving }) => bucketOf(serving)),
    );
  };
  visit(flag);
  return found;
}

const attributesOf = (conditions: readonly CompiledCondition[]): readonly string[] =>
  conditions.map(({ definition }) => definition.attribute);

function attributesOfRule({ definition, conditions, serving }: CompiledRule, world: FlagWorld): readonly string[] {
  const segment = definition.segment === undefined ? undefined : world.segment(definition.segment);
  const ofSegment =
    segment === undefined
      ? []
      : [
          ...attributesOf(segment.conditions),
          ...(isListed(segment.definition) ? [segment.definition.bucketBy ?? 'userId'] : []),
        ];
  return [...attributesOf(conditions), ...ofSegment, ...bucketOf(serving)];
}

const isListed = ({
  included = [],
  excluded = [],
}: {
  included?: readonly string[] | undefined;
  excluded?: readonly string[] | undefined;
}): boolean => included.length + excluded.length > 0;

/** The attribute that a serving puts into buckets, where any bucket decides. */
const bucketOf = ({ constant, bucketBy }: CompiledRule['serving']): readonly string[] =>
  constant === undefined ? [bucketBy] : [];
