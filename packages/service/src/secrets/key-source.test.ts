/** Owns the proof of where keys come from, and of the file that keeps them. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../../../test/expectations.ts';
import { chooseKeySource, type KeySettings } from './key-source.ts';
import { newKey, parseKeyRing, type KeyRing } from './key-ring.ts';

describe('the source of keys', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'strata-keys-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const warnings: unknown[] = [];
  const choose = (settings: Partial<KeySettings>) =>
    chooseKeySource({
      environment: {},
      database: { kind: 'embedded', dataDir },
      report: (warning) => warnings.push(warning),
      ...settings,
    });
  const idsOf = (ring: unknown): readonly string[] | undefined => (ring as KeyRing | undefined)?.keyIds;

  it('is the option before the variable, and the variable before a file', () => {
    const [option, variable] = [newKey(), newKey()];
    const environment = { CONFIG_ENCRYPTION_KEY: variable };
    expect(choose({ encryptionKey: option, environment })).toMatchObject({
      origin: 'encryptionKey',
      isConfigured: true,
    });
    const source = choose({ environment });
    expect(source).toMatchObject({ origin: 'CONFIG_ENCRYPTION_KEY', isConfigured: true });
    expect(idsOf(source.keys())).toEqual(parseKeyRing(variable, 'x').keyIds);
    expect(choose({ environment: { CONFIG_ENCRYPTION_KEY: '' } }).origin).toBe('file');
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('is a file beside the embedded data, made when it is first needed, for its owner only', () => {
    const source = choose({});
    expect(source.keys()).toBeUndefined();
    const made = idsOf(source.keysToWrap());
    expect(readdirSync(dataDir)).toEqual(['encryption.key']);
    expect(statSync(join(dataDir, 'encryption.key')).mode & 0o777).toBe(0o600);
    expect(idsOf(choose({}).keysToWrap())).toEqual(made);
    const added = source.addKey?.().keyIds;
    expect(added?.slice(1)).toEqual(made);
    expect(idsOf(choose({}).keys())).toEqual(added);
    expect(source.removeKey?.(made?.[0] ?? '').keyIds).toEqual(added?.slice(0, 1));
    expect(readdirSync(dataDir)).toEqual(['encryption.key']);
    expect(statSync(join(dataDir, 'encryption.key')).mode & 0o777).toBe(0o600);
  });

  it('refuses a file that holds no key, naming it', () => {
    const path = join(dataDir, 'encryption.key');
    writeFileSync(path, '# nothing\n');
    expect(() => choose({}).keysToWrap()).toThrow(`in ${path} cannot be used: it is empty`);
  });

  it('refuses a malformed variable at once, and two sources', () => {
    const code = (settings: Partial<KeySettings>): unknown => codeOf(() => choose(settings));
    expect(code({ environment: { CONFIG_ENCRYPTION_KEY: 'x' } })).toBe('encryption_key_malformed');
    const keyProvider = parseKeyRing(newKey(), 'x');
    expect(choose({ keyProvider }).origin).toBe('keyProvider');
    expect(code({ keyProvider, encryptionKey: newKey() })).toBe('invalid_argument');
  });

  it('is nothing on PostgreSQL in production', () => {
    const source = choose({ database: { kind: 'postgres' }, environment: { NODE_ENV: 'production' } });
    expect([source.origin, source.keys(), source.keysToWrap()]).toEqual(['none', undefined, undefined]);
  });

  it('is a file on PostgreSQL elsewhere, whose making is told', () => {
    const before = process.cwd();
    process.chdir(dataDir);
    try {
      const source = choose({ database: { kind: 'postgres' } });
      expect(source.keys()).toBeUndefined();
      source.keysToWrap();
      expect(String(warnings.at(-1))).toContain(join(process.cwd(), '.strata', 'encryption.key'));
      const told = warnings.length;
      source.keysToWrap();
      expect(warnings).toHaveLength(told);
    } finally {
      process.chdir(before);
    }
  });

  it('lives in memory with a database in memory', () => {
    const database = { kind: 'embedded', dataDir: null } as const;
    const [one, other] = [choose({ database }), choose({ database })];
    expect(idsOf(one.keysToWrap())).toEqual(idsOf(other.keys()));
    expect(idsOf(choose({ database: { ...database } }).keys())).not.toEqual(idsOf(one.keys()));
    const [first, second] = one.addKey?.().keyIds ?? [];
    expect(idsOf(other.keys())).toEqual([first, second]);
    expect(one.removeKey?.(second ?? '').keyIds).toEqual([first]);
  });
});
