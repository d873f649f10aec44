/** Owns the benchmark of the embedded database (P20, P22, P23): start, memory and durable writes, beside bare PGlite. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import { compare, inParallel, type Contender } from '../harness.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const base = mkdtempSync(join(tmpdir(), 'strata-bench-embedded-'));
const program = fileURLToPath(new URL('./embedded-process.ts', import.meta.url));

interface Opened {
  readonly startMs: number;
  readonly megabytes: number;
}

/** Opens a store in a process of its own. */
function open(kind: 'ours' | 'bare', directory: string): Opened {
  const args = ['--conditions=source', '--expose-gc', program, kind, directory];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Opened;
}

let made = 0;
const newDirectory = (): string => join(base, `store-${String((made += 1))}`);
const reopened = { ours: newDirectory(), bare: newDirectory() };

function contender(name: string, work: () => Opened, of: keyof Opened): Contender {
  return { name, run: () => work()[of] * (of === 'startMs' ? 1e6 : 1) };
}

function first(kind: 'ours' | 'bare'): Opened {
  const directory = newDirectory();
  const opened = open(kind, directory);
  rmSync(directory, { recursive: true });
  return opened;
}

try {
  open('ours', reopened.ours);
  open('bare', reopened.bare);
  const rounds = { rounds: 7, operations: 1 };
  const goal = { id: 'P20', subject: 'Strata', peer: 'bare PGlite', measure: 'time' } as const;
  const comparisons = [
    await compare(
      'First start',
      [contender('Strata', () => first('ours'), 'startMs'), contender('bare PGlite', () => first('bare'), 'startMs')],
      [{ ...goal, must: 1.3, stretch: 1.1 }],
      { ...rounds, rounds: 5 },
    ),
    await compare(
      'Start of an existing store',
      [
        contender('Strata', () => open('ours', reopened.ours), 'startMs'),
        contender('bare PGlite', () => open('bare', reopened.bare), 'startMs'),
      ],
      [{ ...goal, must: 1.5, stretch: 1.2 }],
      rounds,
    ),
    await compare(
      'Memory after the start of an existing store',
      [
        contender('Strata', () => open('ours', reopened.ours), 'megabytes'),
        contender('bare PGlite', () => open('bare', reopened.bare), 'megabytes'),
      ],
      [{ ...goal, id: 'P22', measure: 'megabytes', must: 60 }],
      { ...rounds, unit: 'megabytes' },
    ),
    await durableWrites(),
  ];
  publish({
    name: 'storage/embedded',
    about:
      'Each start in a process of its own: `openEmbeddedDatabase` with all tables in force and one value read, beside `PGlite.create` and one ' +
      'SELECT. The store of Strata is durable (every commit is synced), that of bare PGlite is not. Memory is the resident set of the whole ' +
      'process after a garbage collection.',
    comparisons,
    versions: { PGlite: packageVersion('@electric-sql/pglite') },
  });
} finally {
  rmSync(base, { recursive: true, force: true });
}

async function durableWrites() {
  const durable = await openEmbeddedDatabase({ dataDir: newDirectory() });
  const relaxed = await openEmbeddedDatabase({ dataDir: newDirectory(), relaxed: true });
  let value = 0;
  const writing = (name: string, database: typeof durable): Contender & { readonly end: () => Promise<void> } => {
    const service = createConfigurationService(database);
    return {
      name,
      run: (operations) =>
        inParallel(operations, 20, async () => {
          value += 1;
          await service.set(`bench/setting-${String(value % 500)}`, { value }, { scope: 'global' }, 'bench');
        }),
      end: async () => {
        await service.close();
        await database.close();
      },
    };
  };
  const contenders = [writing('durable', durable), writing('relaxed', relaxed)] as const;
  const comparison = await compare(
    '`set`, 20 writers',
    contenders,
    [{ id: 'P23', subject: 'durable', peer: 'relaxed', measure: 'rate', must: 0.6, stretch: 0.75 }],
    { rounds: 15, roundMs: 250 },
  );
  for (const { end } of contenders) await end();
  return comparison;
}
