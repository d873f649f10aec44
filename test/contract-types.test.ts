/** Owns the promise that code written against the contract compiles: each of its snippets in `contract/` does. */
import { basename, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/**
 * What the contract promises and this release does not have yet. A snippet may fail for these names and for nothing else, and each
 * of them must fail somewhere: whoever adds one takes it off this list.
 */
const pending: readonly string[] = [];

const missingMember = new Set([2339, 2551, 2353, 2561]);
const untypedParameter = 7006;

const directory = join(import.meta.dirname, 'contract');
const program = loadProgram();
const snippets = program
  .getSourceFiles()
  .map((file) => file.fileName)
  .filter((file) => file.startsWith(directory))
  .sort();
const reported = new Map(snippets.map((file) => [file, diagnose(file)]));

/** The snippets as one program, under the options of a strict user with a bundler. */
function loadProgram(): ts.Program {
  const path = join(directory, 'tsconfig.json');
  const json: unknown = ts.readConfigFile(path, (file) => ts.sys.readFile(file)).config;
  const { fileNames, options, errors } = ts.parseJsonConfigFileContent(json, ts.sys, directory);
  if (errors.length > 0) throw new Error(errors.map((error) => flatten(error.messageText)).join('\n'));
  return ts.createProgram(fileNames, options);
}

interface Diagnosis {
  /** The pending names that are missing here. */
  readonly missing: readonly string[];
  /** Everything else that does not compile. */
  readonly problems: readonly string[];
}

function diagnose(file: string): Diagnosis {
  const source = program.getSourceFile(file);
  const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  const missing = diagnostics.flatMap((diagnostic) => missingName(diagnostic) ?? []);
  const problems = diagnostics
    .filter((diagnostic) => missingName(diagnostic) === undefined)
    // A callback given to a method that is missing has no type to go by.
    .filter((diagnostic) => missing.length === 0 || diagnostic.code !== untypedParameter)
    .map((diagnostic) => flatten(diagnostic.messageText));
  return { missing, problems };
}

/** The pending name that a diagnostic says is missing. */
function missingName(diagnostic: ts.Diagnostic): string | undefined {
  if (!missingMember.has(diagnostic.code)) return undefined;
  const name = /'(\w+)' does not exist (?:on|in) type/.exec(flatten(diagnostic.messageText))?.[1];
  return name !== undefined && pending.includes(name) ? name : undefined;
}

function flatten(message: string | ts.DiagnosticMessageChain): string {
  return ts.flattenDiagnosticMessageText(message, '\n');
}

describe('the contract, compiled against the types of @strata/service', () => {
  it.each(snippets.map((file) => [basename(file), file]))('compiles %s', (_, file) => {
    expect(reported.get(file)?.problems).toEqual([]);
  });

  it('holds every snippet of the contract', () => {
    expect(snippets.length).toBeGreaterThanOrEqual(37);
  });

  it('lists as pending only what is missing', () => {
    const missing = new Set([...reported.values()].flatMap((diagnosis) => diagnosis.missing));
    expect([...missing].sort()).toEqual(pending);
  });
});
