/** Owns what is said of a key besides its schema: whose it is, who uses it, and what a change of it takes. */
import { ConfigurationError, describeInput } from './errors.ts';
import { impactLevels, type ImpactLevel } from './impact.ts';
import { parseId } from './scope.ts';

/** What is said of a key besides its schema. */
export interface KeyDefinition {
  /** Who answers for it: a person, a team. */
  readonly owner?: string;
  /** The services that use it, by name. */
  readonly services?: readonly string[];
  /** The impact of a change of this key before its scope is looked at. It counts before that of the schema. */
  readonly baseImpact?: ImpactLevel;
  /** Whether its services take a change only when they start again. */
  readonly restartNeeded?: boolean;
  /** For how many seconds a service is away that starts again: up to a day. */
  readonly downtimeSeconds?: number;
}

/** What `defineKey` takes: what is left out stays as it is, `null` takes it away. */
export type KeyDefinitionInput = { readonly [Part in keyof KeyDefinition]: KeyDefinition[Part] | null };

const parts = ['owner', 'services', 'baseImpact', 'restartNeeded', 'downtimeSeconds'] as const;
const maxServices = 100;
const maxDowntime = 86_400;

/** Checks what is to be said of a key. @throws ConfigurationError `invalid_argument`. */
export function parseKeyDefinition(input: unknown): KeyDefinitionInput {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return refuse('definition', `give it as { ${parts.join(', ')} }`);
  }
  const other = Object.keys(input).find((name) => !(parts as readonly string[]).includes(name));
  if (other !== undefined) refuse('definition', `there is no ${other}; there are ${parts.join(', ')}`);
  const { owner, services, baseImpact, restartNeeded, downtimeSeconds } = input as Record<string, unknown>;
  return {
    ...part('owner', owner, (given) => parseId(given, 'owner')),
    ...part('services', services, parseServices),
    ...part('baseImpact', baseImpact, parseLevel),
    ...part('restartNeeded', restartNeeded, (given) =>
      typeof given === 'boolean' ? given : refuse('restartNeeded', `give true or false, not ${describeInput(given)}`),
    ),
    ...part('downtimeSeconds', downtimeSeconds, parseDowntime),
  };
}

/** What is said of a key once something was said of it. */
export function mergeKeyDefinition(before: KeyDefinition, said: KeyDefinitionInput): KeyDefinition {
  return Object.fromEntries(Object.entries({ ...before, ...said }).filter(([, value]) => value !== null));
}

function part<Name extends keyof KeyDefinition, Value>(
  name: Name,
  given: unknown,
  parse: (given: unknown) => Value,
): Partial<Record<Name, Value | null>> {
  if (given === undefined) return {};
  return { [name]: given === null ? null : parse(given) } as Partial<Record<Name, Value | null>>;
}

function parseServices(given: unknown): readonly string[] {
  if (!Array.isArray(given) || given.length > maxServices) {
    return refuse('services', `give a list of at most ${String(maxServices)} names`);
  }
  return [...new Set(given.map((service) => parseId(service, 'services')))].sort();
}

function parseLevel(given: unknown): ImpactLevel {
  const level = impactLevels.find((one) => one === given);
  return level ?? refuse('baseImpact', `${describeInput(given)} is none of ${impactLevels.join(', ')}`);
}

function parseDowntime(given: unknown): number {
  if (typeof given === 'number' && given >= 0 && given <= maxDowntime) return given;
  return refuse('downtimeSeconds', `give seconds from 0 to ${String(maxDowntime)}, not ${describeInput(given)}`);
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
