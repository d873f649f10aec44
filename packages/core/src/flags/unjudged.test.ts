import { describe, expect, it } from 'vitest';
import { compileFlag } from './compile.ts';
import type { FeatureFlag, FlagCondition, FlagSegment } from './flag.ts';
import { compileSegment } from './segment.ts';
import { unjudgedParts } from './unjudged.ts';

const patterns = () => () => true;

/** What cannot be judged of the first of some flags. */
function unjudged(flags: readonly FeatureFlag[], segments: readonly FlagSegment[] = []): unknown[] {
  const compiled = new Map(flags.map((flag) => [flag.name, compileFlag(flag, { patterns })]));
  const groups = new Map(segments.map((segment) => [segment.name, compileSegment(segment, { patterns })]));
  const world = {
    flag: (name: string) => compiled.get(name),
    segment: (name: string) => groups.get(name),
    now: () => 0,
  };
  const first = compiled.get(flags[0]?.name ?? '');
  return first === undefined
    ? []
    : unjudgedParts(first, world).map(({ flag, part, attributes }) => [flag, part, ...attributes]);
}

const asks = (...attributes: string[]): FlagCondition[] =>
  attributes.map((attribute) => ({ attribute, operator: 'exists' }));
const flag = (rest: Partial<FeatureFlag> = {}, name = 'f'): FeatureFlag => ({ name, enabled: true, ...rest });

describe('what cannot be judged of a flag', () => {
  it.each<[string, readonly FeatureFlag[], readonly unknown[], (readonly FlagSegment[])?]>([
    ['nothing, by what a registry gives', [flag({ conditions: asks('userId', 'targetingKey', 'teamId', 'organizationId'), rolloutPercentage: 5 })], []],
    ['its conditions', [flag({ conditions: asks('role', 'userId', 'environment', 'role') })], [['f', 'conditions', 'role', 'environment']]],
    ['rules, each by itself', [flag({ rules: [{ id: 'a', conditions: asks('x.y') }, { id: 'b' }, { id: 'c', conditions: asks('attributes.z') }] })], [['f', 'rule a', 'x.y'], ['f', 'rule c', 'attributes.z']]],
    ['a rollout by something else', [flag({ bucketBy: 'device', rolloutPercentage: 5 })], [['f', 'rollout', 'device']]],
    ['not a rollout of all or none', [flag({ bucketBy: 'device' })], []],
    ['the rollout of a rule', [flag({ rules: [{ id: 'a', bucketBy: 'device', rolloutPercentage: 5 }] })], [['f', 'rule a', 'device']]],
    ['a segment', [flag({ rules: [{ id: 'a', segment: 's' }] })], [['f', 'rule a', 'email', 'device']], [{ name: 's', conditions: asks('email'), bucketBy: 'device', included: ['d'] }]],
    ['not by what a segment with no list is bucketed', [flag({ rules: [{ id: 'a', segment: 's' }] })], [], [{ name: 's', conditions: asks('userId'), bucketBy: 'device' }]],
    ['a prerequisite, over several steps, each once', [flag({ prerequisites: [{ flag: 'g' }, { flag: 'h' }] }), flag({ prerequisites: [{ flag: 'h' }] }, 'g'), flag({ conditions: asks('plan') }, 'h')], [['h', 'conditions', 'plan']]],
    ['nothing, where it is off for everybody', [flag({ enabled: false, conditions: asks('role') })], []],
    ['nothing of a prerequisite that is', [flag({ prerequisites: [{ flag: 'g' }] }), flag({ enabled: false, conditions: asks('role') }, 'g')], []],
    ['nothing of what is missing', [flag({ prerequisites: [{ flag: 'g' }], rules: [{ id: 'a', segment: 's' }] })], []],
  ])('is %s', (_, flags, parts, segments) => expect(unjudged(flags, segments)).toEqual(parts)); // prettier-ignore
});
