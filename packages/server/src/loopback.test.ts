import { describe, expect, it } from 'vitest';
import { isLoopbackAddress, isLoopbackHost, loopbackAddress } from './loopback.ts';

describe('a loopback address', () => {
  it.each(['127.0.0.1', '127.8.9.10', '127.255.255.255', '::1', '::ffff:127.0.0.1'])('%s is one', (address) => {
    expect(isLoopbackAddress(address)).toBe(true);
  });

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '127.0.0.1.evil.example',
    '::ffff:10.0.0.1',
    '127.1',
    '',
    'localhost',
  ])('%j is none', (address) => {
    expect(isLoopbackAddress(address)).toBe(false);
  });
});

describe('a Host header', () => {
  it.each(['localhost', 'LOCALHOST:7420', '127.0.0.1', '127.0.0.1:80', '127.9.9.9:65535', '[::1]', '[::1]:7420'])(
    '%s is for this machine',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true);
    },
  );

  it.each([
    '',
    'evil.example',
    'localhost.evil.example',
    'evil.localhost.example:7420',
    'localhost.',
    'localhost:',
    'localhost:123456',
    'localhost@evil.example',
    'user@localhost',
    '127.0.0.1.evil.example',
    '127.0.0.1, evil.example',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '0.0.0.0',
    '10.0.0.1',
    '[::]',
    '[::ffff:127.0.0.1]',
    '::1',
    'localhost/x',
    'localhost ',
  ])('%j is not', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

describe('the address to listen on', () => {
  it.each(['127.0.0.1', '127.3.2.1', '::1'])('may be %s', async (host) => {
    expect(await loopbackAddress(host)).toBe(host);
  });

  it('is the one that localhost leads to', async () => {
    expect(['127.0.0.1', '::1']).toContain(await loopbackAddress('localhost'));
  });

  it.each(['0.0.0.0', '::', '10.1.2.3', 'strata.example', '', '127.0.0.1 '])('may not be %j', async (host) => {
    await expect(loopbackAddress(host)).rejects.toMatchObject({ code: 'not_loopback' });
  });
});
