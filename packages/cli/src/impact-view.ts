/** Owns how the impact of a change is shown to people. */
import type { FlagImpact, ImpactAnalysis, NamedScope } from '@strata/core';
import { countOf } from './message.ts';
import { scopeName } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** An analysis, of whichever revision. */
type Told = Omit<ImpactAnalysis, 'revision'>;

/** Gates that whoever shows an impact has spoken of. */
const shownElsewhere: ReadonlySet<string> = new Set(['approval_required', 'would_break']);

/** What a change would do to whom: what there is nothing to say of is left out. */
export function showImpact(impact: Told, colours: Colours): string {
  const fact = (name: string, text: string): string => (text === '' ? '' : `${colours.dim(name.padEnd(11))}${text}`);
  const facts = [
    fact('reaches', reached(impact)),
    ...(impact.flags ?? []).flatMap((flag) => [
      fact('flips', printable(flipped(flag, (impact.flags ?? []).length > 1))),
      fact('unjudged', printable(flag.note ?? '')),
    ]),
    fact('such as', listed(examplesOf(impact))),
    fact('kept by', listed(impact.samples.shielded)),
    fact('services', printable(impact.affectedServices.join(', '))),
    fact('depends on', impact.dependencies.join(', ')),
    fact('needed by', impact.dependents.join(', ')),
    fact('level', printable(impact.reasons.join('; '))),
    ...impact.gates
      .filter(({ code }) => !shownElsewhere.has(code))
      .map(({ code, message }) => fact('blocked by', colours.red(`${code}: ${printable(message)}`))),
    fact('downtime', printable(impact.estimatedDowntime ?? '')),
    fact(
      'undo',
      impact.rollbackPriority === 'none'
        ? ''
        : `priority ${impact.rollbackPriority}. ${printable(impact.rollbackPlan)}`,
    ),
  ].filter((line) => line !== '');
  const tests = impact.testingRecommendations.map((text, index) =>
    fact(index === 0 ? 'test' : '', `${String(index + 1)}. ${printable(text)}`),
  );
  return [...facts, ...tests].join('\n');
}

/** How many people a change reaches, in one line. */
function reached(impact: Told): string {
  const { affectedUsers: users, affectedTeams: teams, affectedOrganizations: orgs, shieldedUsers: kept } = impact;
  const below = [countOf(users, 'user'), countOf(teams, 'team'), countOf(orgs, 'org')].join(', ');
  const others = kept === 0 ? '' : `; ${countOf(kept, 'user')} below ${kept === 1 ? 'keeps' : 'keep'} the value`;
  return `${below}${others}${impact.partial ? '; and more that you may not read' : ''}`;
}

/** How many most flips are named. */
const namedFlips = 5;

/** Whom a flag flips, in one line. @param isNamed whether the flag has to be named, since there are several. */
function flipped({ name, flippedUsers, flips }: FlagImpact, isNamed: boolean): string {
  const told = flips.slice(0, namedFlips).map(({ from, to, users }) => {
    const way =
      from === to ? `keep ${variantName(from)}, with another value` : `from ${variantName(from)} to ${variantName(to)}`;
    return `${String(users)} ${way}`;
  });
  const others = flips.length - told.length;
  const ways = [...told, ...(others > 0 ? [`${String(others)} more ways`] : [])];
  return `${isNamed ? `${name}: ` : ''}${countOf(flippedUsers, 'user')}${ways.length === 0 ? '' : `: ${ways.join(', ')}`}`;
}

const variantName = (variant: string | null): string => variant ?? 'no flag';

function examplesOf({ samples: { organizations, teams, users } }: Told): readonly NamedScope[] {
  const named = (scope: NamedScope['scope'], ids: readonly string[]): NamedScope[] =>
    ids.map((scopeId) => ({ scope, scopeId }));
  return [...named('org', organizations), ...named('team', teams), ...named('user', users)];
}

const listed = (scopes: readonly NamedScope[]): string => scopes.map(scopeName).join(', ');
