/** Owns how a command is told for whom a flag is evaluated. */
import { isJsonObject, parseJsonValue, type FlagContext, type JsonObject, type JsonValue } from '@strata/core';
import type { Command } from 'commander';
import { usageError } from './exit-codes.ts';
import { readObject, readValue } from './value-input.ts';

/** What the options of a context leave. */
export interface ContextFlags {
  readonly user?: string;
  readonly org?: string;
  readonly team?: string;
  readonly attribute?: readonly string[];
  readonly context?: string;
  readonly default?: string;
}

/** Adds the options that say for whom a flag is evaluated. */
export function addContextOptions(command: Command): Command {
  return command
    .option('--user <id>', 'the user, who is also the unit of a rollout')
    .option('--org <id>', 'the org of the user')
    .option('--team <id>', 'the team of the user')
    .option('-a, --attribute <name=value...>', 'an attribute: JSON, or else a text')
    .option('-c, --context <json>', 'the whole context as JSON, or @<file>; the other options are laid over it');
}

/** The context that is given. @throws CommandError. */
export async function readContext(flags: ContextFlags): Promise<FlagContext> {
  const given: JsonObject = flags.context === undefined ? {} : await readObject(flags.context, {});
  const attributes = isJsonObject(given['attributes']) ? given['attributes'] : {};
  const named = Object.fromEntries((flags.attribute ?? []).map(readAttribute));
  return {
    ...given,
    ...(flags.user === undefined ? {} : { userId: flags.user }),
    ...(flags.org === undefined ? {} : { organizationId: flags.org }),
    ...(flags.team === undefined ? {} : { teamId: flags.team }),
    ...(flags.attribute === undefined ? {} : { attributes: { ...attributes, ...named } }),
  };
}

function readAttribute(text: string): [string, JsonValue] {
  const equals = text.indexOf('=');
  if (equals < 1) throw usageError(`${JSON.stringify(text)} is no attribute. Write it as name=value.`);
  return [text.slice(0, equals), jsonOrText(text.slice(equals + 1))];
}

function jsonOrText(text: string): JsonValue {
  try {
    return parseJsonValue(JSON.parse(text));
  } catch {
    return text;
  }
}

/** The value of a flag that cannot be evaluated, if one is given. @throws CommandError. */
export async function readDefault({ default: given }: ContextFlags): Promise<JsonValue | undefined> {
  return given === undefined ? undefined : readValue(given, {});
}
