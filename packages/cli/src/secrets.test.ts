/** Owns the proof of secrets and their keys on the command line. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';

let strata: CommandLine;
let directory: string;
beforeAll(async () => {
  [strata, directory] = await Promise.all([startCommandLine({}, {}), mkdtemp(join(tmpdir(), 'strata-secrets-'))]);
});
afterAll(async () => {
  await strata.close();
  await rm(directory, { recursive: true });
});

describe('secrets on the command line', () => {
  it('are refused as arguments, and taken from a file or a pipe', async () => {
    const refused = await strata.run(['set', 'api_keys', '{"stripe":"sk_live_1"}']);
    expect(refused.code).toBe(2);
    expect(refused.errors).toMatch(
      /^strata: api_keys holds a secret, and a command line is seen by others.*\(-\)\.\n$/,
    );
    expect(refused.errors).not.toContain('sk_live_1');
    const proposed = await strata.run(['request', 'new', 'api_keys', '{"stripe":"sk_live_1"}', '-m', 'x']);
    expect([proposed.code, proposed.errors]).toEqual([2, refused.errors]);
    const path = join(directory, 'keys.json');
    await writeFile(path, '{"stripe":"sk_live_2"}');
    expect((await strata.run(['set', 'api_keys', `@${path}`])).code).toBe(0);
    const piped = await strata.run(['set', 'api_keys', '-'], { stdin: '{"stripe":"sk_live_3"}' });
    expect(piped.out).toMatch(/^api_keys at global set: version/);
    const broken = await strata.run(['set', 'api_keys', '-'], { stdin: '{"stripe":sk_live_4}' });
    expect(broken.code).toBe(2);
    expect(broken.errors).not.toContain('sk_live_4');
    const dry = await strata.run(['set', 'api_keys', '-', '--dry-run'], { stdin: '{"stripe":"sk_live_5"}' });
    expect([dry.code, dry.out.includes('sk_live')]).toEqual([0, false]);
    expect((await strata.run(['set', 'motto', '--string', 'open'])).code).toBe(0);
  });

  it('are masked until they are revealed for a reason', async () => {
    await strata.run(['set', 'secrets', '-'], { stdin: '{"stripe":"sk_live_6"}' });
    for (const args of [['get', 'secrets'], ['get', 'secrets', '--layer'], ['all'], ['log', 'secrets'], ['explain', 'secrets'], ['export'], ['blame', 'secrets'], ['show', 'secrets', 'HEAD']]) {
      const shown = await strata.run(args);
      expect([args, shown.code, shown.out.includes('sk_live')]).toEqual([args, 0, false]);
    } // prettier-ignore
    expect(await strata.json(['get', 'secrets'])).toEqual({ $masked: true });
    expect((await strata.run(['reveal', 'secrets'])).code).toBe(2);
    expect((await strata.run(['reveal', 'secrets', '--reason', ' '])).errors).toContain('reason');
    const revealed = await strata.run(['reveal', 'secrets', 'stripe', '--reason', 'Rotating it']);
    expect(revealed).toMatchObject({ code: 0, out: 'sk_live_6\n' });
    expect((await strata.run(['reveal', 'nothing', '--reason', 'x'])).code).toBe(3);
  });

  it('leave in an export sealed with a passphrase, or not at all, and come in with it', async () => {
    await strata.run(['set', 'credentials', '-', '--org', 'out'], { stdin: '{"ftp":"sk_live_8"}' });
    await writeFile(join(directory, 'passphrase.txt'), 'correct horse\n');
    const seal = ['--passphrase-file', join(directory, 'passphrase.txt')];
    const at = ['--org', 'out'];
    const plain = await strata.run(['export', ...at]);
    const sealed = await strata.run(['export', ...at, ...seal]);
    const omitted = await strata.run(['export', ...at, '--secrets', 'omitted']);
    for (const { out, code } of [plain, sealed, omitted]) expect([code, out.includes('sk_live')]).toEqual([0, false]);
    expect([plain, sealed, omitted].map(({ out }) => [out.includes('wrappedKeys'), out.includes('scrypt')])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
    expect((await strata.run(['export', ...at, ...seal, '--secrets', 'masked'])).code).toBe(2);
    const file = join(directory, 'sealed.json');
    await writeFile(file, sealed.out);
    const closed = await strata.run(['import', file]);
    expect([closed.code, closed.errors]).toEqual([5, expect.stringContaining('need one')]);
    const into = await strata.run(['import', file, '--org', 'in'], {
      environment: { STRATA_PASSPHRASE: 'correct horse' },
    });
    expect([into.code, into.errors]).toEqual([0, '']);
    const shown = await strata.run(['reveal', 'credentials', 'ftp', '--org', 'in', '--reason', 'x']);
    expect(shown.out).toBe('sk_live_8\n');
  });

  it('are encrypted by keys that are listed, rotated, and done without once nothing needs them', async () => {
    await strata.run(['set', 'tokens', '-'], { stdin: '{"a":"sk_live_7"}' });
    const status = await strata.run(['keys', 'status']);
    expect(status.out).toMatch(/^The keys are in memory only\.\n\nKEY/);
    const [old] = /[0-9a-f]{12}/.exec(status.out) ?? [''];
    const early = await strata.run(['keys', 'retire', old]);
    expect([early.code, early.errors]).toEqual([4, `strata: The key ${old} cannot be retired: it is the one that encrypts now; rotate first, so that another one does.\n`]); // prettier-ignore
    expect((await strata.run(['keys', 'rotate'])).out).toMatch(
      /was made and encrypts from now on.*strata keys rewrap\n$/,
    );
    const used = await strata.run(['keys', 'retire', old]);
    expect([used.code, used.errors]).toEqual([4, expect.stringMatching(/it wraps \d data keys; rewrap first/)]);
    expect((await strata.run(['keys', 'rewrap'])).out).toMatch(
      /^\d data keys were wrapped anew with [0-9a-f]{12}\. No other key is needed/,
    );
    expect((await strata.run(['keys', 'rewrap'])).out).toMatch(/^0 data keys were wrapped anew/);
    expect((await strata.run(['keys', 'retire', old])).out).toBe(`The key ${old} is no longer in the key file.\n`);
    expect((await strata.run(['keys', 'retire', old])).code).toBe(2);
    const revealed = await strata.run(['reveal', 'tokens', 'a', '--reason', 'x']);
    expect(revealed.out).toBe('sk_live_7\n');
  });
});
