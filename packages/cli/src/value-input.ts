/** Owns how a value gets from the command line to a command: as JSON or text, as an argument, from a file or a pipe. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { text as readAll } from 'node:stream/consumers';
import { isClientError, type StrataClient } from '@strata/client';
import { isJsonObject, secretPaths, type Definition, type JsonObject, type JsonValue } from '@strata/core';
import type { Command } from 'commander';
import { usageError } from './exit-codes.ts';

/** What the value options leave. */
export interface ValueFlags {
  readonly file?: string;
  readonly string?: boolean;
}

/** Adds the options of a value. */
export function addValueOptions(command: Command): Command {
  return command
    .option('-f, --file <file>', 'read the value from a file, like @<file>; - is standard input')
    .option('-s, --string', 'the value is a text, not JSON');
}

/**
 * The value that is given: JSON (or with `--string` a text) as the argument itself, in the file `@<name>` or `--file <name>`, or on
 * standard input for `-`. A line end at the end of a file or pipe is no part of a text.
 * @throws CommandError when nothing, or two things, or no JSON is given, or a file cannot be read.
 */
export async function readValue(argument: string | undefined, { file, string }: ValueFlags): Promise<JsonValue> {
  const { source, text } = await readSource(argument, file);
  if (string !== true) return parseJson(text, source);
  return source === 'the value' ? text : text.replace(/\r?\n$/, '');
}

/**
 * The value that is given for a key, which is not to be a secret on the command line: others of the machine see that, and the shell keeps it.
 * @throws CommandError as `readValue`, and for a secret that is given as an argument.
 */
export async function readValueOf(
  client: StrataClient,
  key: string,
  argument: string | undefined,
  flags: ValueFlags,
): Promise<JsonValue> {
  const value = await readValue(argument, flags);
  const isArgument = argument !== undefined && argument !== '-' && !argument.startsWith('@');
  if (isArgument && secretPaths(await definitionOf(client, key), value).length > 0) {
    throw usageError(
      `${key} holds a secret, and a command line is seen by others and kept by the shell. Give the value in a file (@value.json) or on standard input (-).`,
    );
  }
  return value;
}

async function definitionOf(client: StrataClient, key: string): Promise<Definition | undefined> {
  try {
    return await client.getSchema(key);
  } catch (error) {
    if (isClientError(error) && error.code === 'schema_not_found') return undefined;
    throw error;
  }
}

/** The JSON object that is given. @throws CommandError as `readValue`, and for any other value. */
export async function readObject(argument: string | undefined, flags: ValueFlags): Promise<JsonObject> {
  const value = await readValue(argument, flags);
  if (isJsonObject(value)) return value;
  throw usageError('A JSON object is needed, such as {"type": "object"}.');
}

interface Source {
  /** What a message calls it. */
  readonly source: string;
  readonly text: string;
}

async function readSource(argument: string | undefined, file: string | undefined): Promise<Source> {
  if (argument !== undefined && file !== undefined)
    throw usageError('Give the value once: as an argument or with --file.');
  const name = file ?? (argument === '-' ? '-' : argument?.startsWith('@') === true ? argument.slice(1) : undefined);
  if (name === '-') return { source: 'standard input', text: await readPipe() };
  if (name !== undefined) return { source: name, text: await readText(name) };
  if (argument !== undefined) return { source: 'the value', text: argument };
  throw usageError('Give a value: JSON as an argument, --file <file>, @<file>, or - for standard input.');
}

async function readPipe(): Promise<string> {
  return withoutMark(await readAll(process.stdin));
}

async function readText(name: string): Promise<string> {
  try {
    return withoutMark(await readFile(name, 'utf8'));
  } catch (error) {
    throw usageError(`Cannot read ${JSON.stringify(name)}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Editors on Windows put a byte order mark before JSON, which is none. */
function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function parseJson(text: string, source: string): JsonValue {
  try {
    return JSON.parse(text, refuseRounding) as JsonValue;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw usageError(`${capital(source)} is not JSON (${problemOf(error, source)}). ${advice(text, source)}`);
  }
}

/** The parser's own message quotes the text, which in a file or a pipe may be a secret. */
function problemOf({ message }: SyntaxError, source: string): string {
  if (source === 'the value') return message;
  return `its syntax is wrong${/ at position \d+.*$/.exec(message)?.[0] ?? ''}`;
}

function advice(text: string, source: string): string {
  if (text.trim() === '') return 'It is empty.';
  return source === 'the value' && text.length <= 40 && /^[\w .:/-]+$/.test(text)
    ? `For the text, write '${JSON.stringify(text)}' or add --string.`
    : 'For a text that is no JSON, add --string.';
}

function capital(text: string): string {
  return text === 'the value' ? 'The value' : text;
}

/**
 * A whole number that JavaScript cannot hold would be stored as another one. From version 22 on Node hands a reviver the text of each
 * number; before, every whole number of that size is in doubt.
 */
function refuseRounding(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  const source = context?.source ?? (Number.isInteger(value) ? BigInt(value).toString() : '');
  const isKept = context?.source === undefined ? Number.isSafeInteger(value) : String(value) === source;
  if (/^-?[0-9]{16,}$/.test(source) && !isKept) {
    throw usageError(`The whole number ${source.slice(0, 40)} is too large to be kept exactly. Give it as a text.`);
  }
  return value;
}
