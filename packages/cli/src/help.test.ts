import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.ts';
import { buildProgram } from './program.ts';

/** The commands that do something, by their full names. */
function leafCommands(command: Command, name = ''): (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((child) => leafCommands(child, `${name} ${child.name()}`.trim()));
}

const commands = leafCommands(buildProgram());

/** What `--help` prints, with what is added after it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

describe('the help', () => {
  it('names every command once, in groups', () => {
    const help = helpOf(buildProgram());
    for (const [name] of commands) {
      expect(help.match(new RegExp(`^ {2}${name.split(' ')[0] ?? ''}[ |]`, 'gm'))).toHaveLength(1);
    }
    for (const group of ['Values:', 'Versions:', 'Scopes, locks and schemas:', 'Running Strata:']) {
      expect(help).toContain(`\n${group}\n`);
    }
    expect(help).not.toContain('\nCommands:\n');
  });

  it('lists every exit code', () => {
    const help = helpOf(buildProgram());
    for (const code of Object.values(exitCodes)) expect(help).toMatch(new RegExp(`^ {2}${String(code)} {2}\\S`, 'm'));
  });

  it.each(commands)('of %s has examples of that command', (name, command) => {
    expect(helpOf(command)).toMatch(new RegExp(`Examples:\n(.*\n)*  \\$ .*strata ${name}\\b`));
  });

  it.each(commands.filter(([name]) => !['serve', 'migrate', 'demo'].includes(name)))(
    'of %s tells how to reach the server and how a script reads the output',
    (name, command) => {
      const help = helpOf(command);
      // Whole stores are copied by whoever holds them; with a server, by its environment's actor.
      const options = ['backup', 'restore'].includes(name) ? ['--url'] : ['--url', '--actor', '--json', '--timeout'];
      for (const option of options) expect(help).toContain(`  ${option}`);
    },
  );
});
