import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';
import { seedDemo } from './seed.ts';
import { changesOf, isValueStep, keysOf } from './step.ts';
import { story } from './story.ts';

const document = await readFile(new URL('../../../../docs/demo.md', import.meta.url), 'utf8');

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await seedDemo(server.service);
});
afterAll(() => server.close());

/** The addresses that the document asks with curl, and the answers that it shows below them. */
const addresses = [...document.matchAll(/^curl -s "\$strata(\/[^"]+)"$/gm)].map((match) => match[1] ?? '');
const answers = [...document.matchAll(/^ {4}(\{.*\})$/gm)].map((match) => JSON.parse(match[1] ?? '') as unknown);

describe('the document of the demo', () => {
  it('names every organization, team, user, key and tag', () => {
    const places = story.filter((step) => step.kind === 'scope').map(({ scopeId }) => scopeId);
    const tags = story.filter((step) => step.kind === 'tag').map(({ tag }) => tag);
    for (const name of [...places, ...keysOf(story), ...tags]) expect(document).toContain(`\`${name}\``);
  });

  it('says at which scopes each key is set', () => {
    for (const key of keysOf(story)) {
      const row = document.split('\n').find((line) => line.startsWith(`| \`${key}\` |`)) ?? '';
      const all = row.includes('all organizations');
      for (const { at } of story
        .filter(isValueStep)
        .flatMap(changesOf)
        .filter((change) => change.key === key)) {
        if (at.scope !== 'org' || !all) expect(row).toContain(at.scope === 'global' ? 'global' : `\`${at.scopeId}\``);
      }
    }
  });

  it('shows what the server answers', async () => {
    const told = [];
    for (const address of addresses) {
      const answer = await server.app.inject(address);
      expect(answer.statusCode).toBe(200);
      // An explanation shows versions and times, which differ.
      if (!address.startsWith('/v1/explain/')) told.push(answer.json<unknown>());
    }
    expect(told).toHaveLength(5);
    expect(told).toEqual(answers);
  });

  it('shows the texts of refusals and comments as they are', async () => {
    const { service } = server;
    const refused = async (write: Promise<unknown>): Promise<string> =>
      write.then(
        () => 'accepted',
        (error: unknown) => (error as Error).message.replace(/version [0-9a-f]+/, 'version …'),
      );
    const kim = { scope: 'user', scopeId: 'kim' } as const;
    const school = { scope: 'team', scopeId: 'puddle-lane-school' } as const;
    const invalid = await refused(service.set('vehicle_settings', { maxSpeed: 300, fuelType: 'nuclear' }, kim, 'kim'));
    const locked = await refused(service.set('branding', { primaryColor: '#000000' }, school, 'gus'));
    const history = await service.getHistory('pm_intervals', 10, {
      scope: { scope: 'org', scopeId: 'quillback-haulage' },
    });
    for (const text of [`strata: ${invalid}`, `strata: ${locked}`, ...history.map(({ comment }) => String(comment))]) {
      expect(document).toContain(`    ${text}\n`);
    }
    for (const { comment } of await service.listLocks()) expect(document).toContain(`| ${String(comment)} |`);
  });
});
