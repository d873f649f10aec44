import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const quiet = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map((part) => `--disable-${part}`);
const hostile = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
const acme = { scope: 'org', scopeId: 'acme' } as const;

let server: TestServer;
let browser: Browser;
let url: string;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  const executablePath = browsers.find((path) => existsSync(path));
  if (executablePath === undefined) {
    throw new Error('The page is tested in a real browser, and there is none here. Run: apt-get install -y chromium');
  }
  server = await startTestServer();
  await seed();
  url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--no-first-run', ...quiet] });
});
afterAll(async () => {
  // The fixtures may be missing where there is no browser.
  await (browser as Browser | undefined)?.close();
  await (server as TestServer | undefined)?.close();
});

async function seed(): Promise<void> {
  const { service } = server;
  await service.registerScope({ scope: 'org', scopeId: 'acme', name: 'Acme' });
  await service.registerScope({ scope: 'team', scopeId: 'red', parent: acme });
  await service.registerSchema(
    'theme',
    { type: 'object', properties: { dense: { default: true } } },
    { description: 'How it looks' },
  );
  await service.set('theme', { colour: 'blue', size: 1 }, { scope: 'global' }, 'ann', 'the standard');
  await service.set('theme', { size: 2 }, acme, 'bob', 'larger');
  await service.set('hostile', { [hostile]: hostile }, { scope: 'global' }, hostile, hostile);
  for (let round = 0; round < 15; round++) {
    const changes = ['a', 'b', 'c'].map((scopeId) => ({ key: 'busy', scope: 'org' as const, scopeId, value: round }));
    await service.commit(changes, 'ann');
  }
}

beforeEach(async () => {
  page = await browser.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
});
afterEach(async () => {
  await page.close();
  // Whatever the policy of contents forbids, and every fault of the code, would stand here.
  expect(complaints.splice(0)).toEqual([]);
});

const texts = (selector: string): Promise<string[]> => page.locator(selector).allInnerTexts();
const open = async (hash: string): Promise<void> => {
  await page.goto(`${url}/${hash}`);
  await page.locator('#status:not(:empty)').waitFor({ state: 'attached' });
};

describe('the page', () => {
  it('shows what holds at the scope that is chosen, and along which scopes it inherits', async () => {
    await open('');
    expect(await texts('#keys strong')).toEqual(['hostile', 'theme']);
    expect(await texts('#keys a[href*=theme] code')).toEqual(['{"colour":"blue","size":1,"dense":true}']);

    await page.getByRole('combobox', { name: 'Scope' }).selectOption('team');
    expect(await page.locator('#ids option[value=red]').count()).toBe(1);
    expect(await page.locator('#ids option').count()).toBe(1);
    await page.getByLabel('Id').fill('red');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('2 keys at team red').waitFor();
    expect(await texts('#chain li a')).toEqual(['global', 'org acme', 'team red']);
    expect(await texts('#keys a[href*=theme] code')).toEqual(['{"colour":"blue","size":2,"dense":true}']);

    await page.getByLabel('Filter').fill('THE');
    expect(await texts('#keys strong')).toEqual(['theme']);
    await page.goBack();
    await page.getByText('1 of 2 keys at global').waitFor();
  });

  it('tells of each part of a value which scope, version and author it comes from and what it overrides', async () => {
    await open('#scope=team&scopeId=red');
    await page.getByRole('link', { name: /^theme/ }).click();
    await page.locator('tbody tr').nth(2).waitFor();
    const rows = (await texts('tbody tr')).map((row) => row.split(/[\t\n]+/));
    expect(rows.map(([path, value, from]) => [path, value, from])).toEqual([
      ['colour', '"blue"', 'global'],
      ['size', '2', 'org acme'],
      ['dense', 'true', 'default of the schema'],
    ]);
    const [size] = await server.service.getHistory('theme', 1);
    expect(rows[1]?.join(' ')).toMatch(new RegExp(`by bob · .* · ${size?.version.slice(0, 8) ?? ''} larger global 1 `));
    expect(await page.locator('#description').innerText()).toBe('How it looks');
    expect(await page.evaluate('document.activeElement.id')).toBe('key-title');
  });

  it('shows the history of a key with what each version changed, page by page and all of it', async () => {
    await open('#key=theme');
    await page.locator('#history > li').nth(1).waitFor();
    expect(await texts('#history .line > a')).toEqual(['org acme', 'global']);
    await page.locator('#history summary').nth(1).click();
    await page.locator('.diff').waitFor();
    expect(await texts('#history .diff div')).toEqual(['+ {"colour":"blue","size":1}']);

    await open('#scope=org&scopeId=b&key=busy');
    await page.getByRole('button', { name: 'Older versions' }).click();
    await page.locator('#history > li').nth(39).waitFor();
    await page.getByRole('button', { name: 'Older versions' }).click();
    await page.locator('#history > li').nth(44).waitFor();
    expect(await page.locator('#history > li').count()).toBe(45);
    expect(await page.locator('#more').isVisible()).toBe(false);

    await page.getByLabel('Only this scope').check();
    await expect.poll(() => page.locator('#history > li').count()).toBe(15);
    await page.locator('#history summary').first().click();
    await page.locator('.diff').waitFor();
    expect(await texts('#history .diff div')).toEqual(['− 13', '+ 14']);
  });

  it('shows a change as it happens, and leaves alone what was opened', async () => {
    const { service } = server;
    await service.set('live', { colour: 'red' }, acme, 'ann', 'before');
    await open('#scope=team&scopeId=red&key=live');
    await page.locator('#history > li').waitFor();
    await page.locator('#history summary').click();
    await page.locator('.diff').waitFor();
    await page.locator('#keys a[href*="key=live"]').focus();
    await service.set('live', { colour: 'green' }, acme, 'bob', 'after');
    await page.locator('#keys a[href*="key=live"] code', { hasText: 'green' }).waitFor();
    await expect.poll(() => page.locator('#history > li').count()).toBe(2);
    expect(await page.locator('tbody tr').innerText()).toContain('green');
    expect(await texts('#history .diff div')).toEqual(['+ {"colour":"red"}']);
    expect(await page.evaluate('document.activeElement.getAttribute("href")')).toContain('key=live');
    // What another scope says is nothing to this one.
    await page.evaluate('location.hash = "#scope=org&scopeId=other"');
    await page.getByText('2 keys at org other').waitFor();
    await service.set('live', { colour: 'blue' }, { scope: 'org', scopeId: 'other' }, 'ann');
    await page.getByText('3 keys at org other').waitFor();
  });

  it('shows markup in values, names and comments as the text that it is', async () => {
    await open('#key=hostile');
    await page.locator('tbody tr').waitFor();
    await page.locator('#history summary').click();
    await page.locator('.diff').waitFor();
    expect(await page.locator('main').innerText()).toContain(hostile);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.evaluate('"ran" in window')).toBe(false);
  });

  it.each(['light', 'dark'] as const)(
    'fits a screen of 400 pixels without scrolling sideways (%s)',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 400, height: 800 });
      for (const hash of ['', '#key=hostile', '#scope=team&scopeId=red&key=theme']) {
        await open(hash);
        if (hash !== '') await page.locator('tbody tr').first().waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
      }
      const brightness = async (property: string): Promise<number> =>
        Number(/\d+/.exec(String(await page.evaluate(`getComputedStyle(document.body).${property}`)))?.[0]);
      expect((await brightness('backgroundColor')) > (await brightness('color'))).toBe(colorScheme === 'light');
      await page.getByRole('link', { name: 'All values' }).click();
      await page.getByRole('heading', { name: 'Values' }).waitFor();
    },
  );

  it('says what is wrong, and shows nothing of before beside it', async () => {
    await open('#key=theme');
    await page.evaluate('location.hash = "#scope=team"');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('the scope team needs a scopeId');
    expect(await page.locator('#keys li').count()).toBe(0);
    expect(complaints.splice(0)).toEqual([expect.stringContaining('400'), expect.stringContaining('400')]);
    await page.route('**/v1/**', (route) => route.abort());
    await page.evaluate('location.hash = "#"');
    await page.getByText('The server does not answer.').waitFor();
    expect(complaints.splice(0).every((line) => line.includes('ERR_FAILED'))).toBe(true);
  });

  it('may run and load nothing but its own files', async () => {
    const answer = await server.send('GET', '/');
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(answer.headers['content-security-policy']).split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]),
    );
    expect(policy.join()).not.toMatch(/unsafe|\*|http/);
    expect(answer.body).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|style=/);
    const held = { 'if-none-match': String(answer.headers.etag) };
    expect((await server.send('GET', '/', undefined, held)).statusCode).toBe(304);
  });
});
