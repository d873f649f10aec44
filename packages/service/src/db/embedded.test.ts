import { spawn } from 'node:child_process';
import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDirectory } from './directory-lock.ts';
import { openEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedOptions } from './embedded.ts';

let dataDir: string;
const opened: EmbeddedDatabase[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'strata-test-embedded-'));
});

afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function open(options: EmbeddedOptions = { dataDir }): Promise<EmbeddedDatabase> {
  const database = await openEmbeddedDatabase(options);
  opened.push(database);
  return database;
}

const countMigrations = 'SELECT count(*) > 0 AS migrated FROM configuration_migrations WHERE checksum IS NOT NULL';

describe('an embedded database in memory', () => {
  it('is migrated when it opens, and closed after close', async () => {
    const database = await open({});
    expect(database.dataDir).toBeNull();
    expect(await database.query(countMigrations)).toStrictEqual([{ migrated: true }]);
    await database.close();
    await database.close();
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('an embedded database in a directory', () => {
  it('makes the directory, keeps its data, and leaves no lock behind', async () => {
    const nested = join(dataDir, 'a', 'b');
    const first = await open({ dataDir: nested });
    await first.script('CREATE TABLE t (n int); INSERT INTO t VALUES (7)');
    await first.close();
    expect(readdirSync(nested)).toStrictEqual(['database']);
    const second = await open({ dataDir: nested });
    expect(await second.query('SELECT n FROM t')).toStrictEqual([{ n: 7 }]);
    expect(second.dataDir).toBe(nested);
  });

  it('has one owner: a second one is told the pid, and may follow after close', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ code: 'database_in_use', details: { pid: process.pid, dataDir } });
    await expect(open()).rejects.toThrow(String(process.pid));
    expect(await first.query('SELECT 1 AS value')).toStrictEqual([{ value: 1 }]);
    await first.close();
    const second = await open();
    expect(await second.query(countMigrations)).toStrictEqual([{ migrated: true }]);
  });

  it('begins anew where making it was interrupted', async () => {
    mkdirSync(join(dataDir, 'database'));
    writeFileSync(join(dataDir, 'database', 'PG_VERSION'), '18\n');
    writeFileSync(join(dataDir, 'unfinished'), '');
    const database = await open();
    expect(await database.query(countMigrations)).toStrictEqual([{ migrated: true }]);
    expect(readdirSync(dataDir).sort()).toStrictEqual(['database', 'owner.lock']);
  });

  it('is not made anew over what is left of a damaged one', async () => {
    mkdirSync(join(dataDir, 'database', 'global'), { recursive: true });
    writeFileSync(join(dataDir, 'database', 'global', 'pg_control'), 'kept');
    await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
    expect(readFileSync(join(dataDir, 'database', 'global', 'pg_control'), 'utf8')).toBe('kept');
  });

  it('gives the directory back when opening fails', async () => {
    mkdirSync(join(dataDir, 'database'));
    writeFileSync(join(dataDir, 'database', 'PG_VERSION'), '3\n');
    await expect(open()).rejects.toThrow();
    expect(readdirSync(dataDir)).toStrictEqual(['database']);
  });
});

describe('what an embedded database acknowledges', () => {
  const original = fs.fsyncSync;
  let syncs = 0;
  let isBroken = false;

  beforeEach(() => {
    syncs = 0;
    isBroken = false;
    fs.fsyncSync = (descriptor) => {
      syncs += 1;
      if (isBroken) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
      original(descriptor);
    };
    syncBuiltinESMExports();
  });

  afterEach(() => {
    fs.fsyncSync = original;
    syncBuiltinESMExports();
  });

  async function syncsOfCommits(database: EmbeddedDatabase): Promise<number> {
    await database.query('CREATE TABLE t (n int)');
    const before = syncs;
    for (let n = 0; n < 20; n += 1) await database.query('INSERT INTO t VALUES ($1::int)', [n], 'insert');
    return syncs - before;
  }

  it('is synced to disk with each commit', async () => {
    expect(await syncsOfCommits(await open())).toBeGreaterThanOrEqual(20);
  });

  it('is not synced where that is relaxed', async () => {
    expect(await syncsOfCommits(await open({ dataDir, relaxed: true }))).toBe(0);
  });

  it('is nothing more after a sync failed, until it is opened again', async () => {
    const database = await open();
    await database.script('CREATE TABLE t (n int); INSERT INTO t VALUES (1)');
    isBroken = true;
    await expect(database.query('INSERT INTO t VALUES (2)')).rejects.toMatchObject({
      code: 'unavailable',
      details: { sent: true },
    });
    isBroken = false;
    for (const call of [
      () => database.query('SELECT n FROM t'),
      () => database.script('INSERT INTO t VALUES (3)'),
      () => database.transaction((sql) => sql.query('INSERT INTO t VALUES (4)')),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'unavailable', details: { sent: false } });
    }
    await database.close();
    const again = await open();
    const rows = await again.query<{ n: number }>('SELECT n FROM t ORDER BY n');
    expect(rows.map(({ n }) => n).filter((n) => n !== 2)).toStrictEqual([1]);
  });

  it('is there after the process was killed in the middle of writing', async () => {
    const script = `
      import { openEmbeddedDatabase } from ${JSON.stringify(new URL('./embedded.ts', import.meta.url).pathname)};
      const database = await openEmbeddedDatabase({ dataDir: ${JSON.stringify(dataDir)} });
      await database.query('CREATE TABLE t (n int)');
      for (let n = 0; ; n += 1) {
        await database.query('INSERT INTO t VALUES ($1::int)', [n], 'insert');
        process.stdout.write(String(n) + ' ');
      }`;
    const child = spawn(process.execPath, [
      '--conditions=source',
      '--no-warnings',
      '--input-type=module',
      '-e',
      script,
    ]);
    let acknowledged = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => {
        acknowledged += String(data);
        if (acknowledged.length > 500) child.kill('SIGKILL');
      });
      child.once('close', () => resolve());
    });
    const last = Number(acknowledged.trimEnd().split(' ').at(-1));
    expect(last).toBeGreaterThan(50);
    const database = await open();
    const rows = await database.query<{ n: number }>('SELECT n FROM t ORDER BY n');
    expect(rows.map(({ n }) => n).slice(0, last + 1)).toStrictEqual(Array.from({ length: last + 1 }, (_, n) => n));
  });
});

describe('the lock of a directory', () => {
  const lock = (): string => join(dataDir, 'owner.lock');
  const startedAt = (pid: number): string => {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  };

  it('refuses while its process lives, and is taken over at once when that was killed', async () => {
    const child = spawn('sleep', ['60']);
    const pid = child.pid ?? 0;
    writeFileSync(lock(), JSON.stringify({ pid, startedAt: startedAt(pid) }));
    expect(() => lockDirectory(dataDir)).toThrow(`open in process ${String(pid)}`);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    lockDirectory(dataDir).release();
    expect(readdirSync(dataDir)).toStrictEqual([]);
  });

  it('is taken over when its pid belongs to a process that started later', () => {
    writeFileSync(lock(), JSON.stringify({ pid: process.ppid, startedAt: startedAt(process.pid) }));
    lockDirectory(dataDir).release();
  });

  it('is taken over when the same pid and start time belong to another boot of the machine', () => {
    const ticks = startedAt(process.pid).split(' ')[1] ?? '';
    writeFileSync(lock(), JSON.stringify({ pid: process.pid, startedAt: `another-boot ${ticks}` }));
    lockDirectory(dataDir).release();
  });

  it('is taken over from a process that has ended and was not reaped', async () => {
    // The parent never waits for its child: `exec` puts a program there that knows nothing of it.
    const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60']);
    try {
      const zombie = await new Promise<number>((resolve) => {
        parent.stdout.once('data', (data) => resolve(Number(String(data))));
      });
      writeFileSync(lock(), JSON.stringify({ pid: zombie, startedAt: startedAt(zombie) }));
      expect(() => lockDirectory(dataDir)).toThrow(`open in process ${String(zombie)}`);
      await expect.poll(() => readFileSync(`/proc/${String(zombie)}/stat`, 'utf8'), { timeout: 5000 }).toMatch(/\) Z /);
      lockDirectory(dataDir).release();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('is taken over although one that took it over was killed in the middle', () => {
    const dead = JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' });
    writeFileSync(lock(), dead);
    writeFileSync(`${lock()}.takeover`, dead);
    lockDirectory(dataDir).release();
    expect(readdirSync(dataDir)).toStrictEqual([]);
  });

  it('goes to one of many processes that find the lock of a dead one', async () => {
    const script = `
      import { lockDirectory } from ${JSON.stringify(new URL('./directory-lock.ts', import.meta.url).pathname)};
      process.stdin.once('data', () => {
        try { lockDirectory(${JSON.stringify(dataDir)}); process.stdout.write('owner'); } catch (error) { process.stdout.write(error.code); }
      });
      process.stdout.write('ready ');`;
    writeFileSync(lock(), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' }));
    const children = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['--conditions=source', '--no-warnings', '--input-type=module', '-e', script]),
    );
    const outputs = children.map(() => '');
    const heard = async (pattern: RegExp): Promise<void> => {
      await Promise.all(
        children.map(
          (child, index) =>
            new Promise<void>((resolve) => {
              const check = (): void => {
                if (pattern.test(outputs[index] ?? '')) resolve();
              };
              child.stdout.on('data', (data) => {
                outputs[index] = (outputs[index] ?? '') + String(data);
                check();
              });
              check();
            }),
        ),
      );
    };
    await heard(/ready/);
    for (const child of children) child.stdin.write('go');
    await heard(/owner|database_in_use/);
    for (const child of children) child.kill('SIGKILL');
    expect(outputs.filter((output) => output.includes('owner'))).toHaveLength(1);
  });
});
