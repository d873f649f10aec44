/** Owns how a value gets from the command line to a command: as JSON or text, as an argument, from a file or a pipe. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { text as readAll } from 'node:stream/consumers';
import { isJsonObject, type JsonObject, type JsonValue } from '@strata/core';
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
    return JSON.parse(text, refuseRounding as Reviver) as JsonValue;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw usageError(`${capital(source)} is not JSON (${error.message}). ${advice(text)}`);
  }
}

function advice(text: string): string {
  if (text.trim() === '') return 'It is empty.';
  return text.length <= 40 && /^[\w .:/-]+$/.test(text)
    ? `For the text, write '${JSON.stringify(text)}' or add --string.`
    : 'For a text that is no JSON, add --string.';
}

function capital(text: string): string {
  return text === 'the value' ? 'The value' : text;
}

type Reviver = (name: string, value: unknown) => unknown;

/** A whole number that JavaScript cannot hold would be stored as another one. Node hands a reviver the text of each number. */
function refuseRounding(_name: string, value: unknown, { source }: { readonly source?: string }): unknown {
  const whole = typeof value === 'number' && source !== undefined && /^-?[0-9]{16,}$/.test(source);
  if (whole && String(value) !== source) {
    throw usageError(`The whole number ${source.slice(0, 40)} is too large to be kept exactly. Give it as a text.`);
  }
  return value;
}
