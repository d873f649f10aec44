/** Owns what counts as this machine: the addresses to listen on and the names a request may be for. */
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { ConfigurationError } from '@strata/core';

/** Whether an IP address, as a socket tells it, is of this machine alone: 127.0.0.0/8 or ::1. */
export function isLoopbackAddress(address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

const hostForm = /^(?:(?<name>[A-Za-z0-9.-]+)|\[(?<ipv6>[0-9A-Fa-f:]+)\])(?::[0-9]{1,5})?$/;

/**
 * Whether a `Host` header names this machine. A page whose name was rebound to 127.0.0.1 still sends its own name, and so is
 * told apart.
 */
export function isLoopbackHost(host: string): boolean {
  const { name, ipv6 } = hostForm.exec(host)?.groups ?? {};
  if (ipv6 !== undefined) return ipv6 === '::1';
  return name !== undefined && (name.toLowerCase() === 'localhost' || (isIPv4(name) && isLoopbackAddress(name)));
}

/**
 * The address to listen on for a host: the host itself, or what `localhost` leads to, IPv4 first. One address alone, so that one port
 * and one close are all there is.
 * @throws ConfigurationError `not_loopback` for anything but this machine.
 */
export async function loopbackAddress(host: string): Promise<string> {
  const found = host === 'localhost' ? await lookup(host, { all: true, order: 'ipv4first' }) : [{ address: host }];
  const [first] = found;
  if (first === undefined || !found.every(({ address }) => isLoopbackAddress(address))) {
    throw new ConfigurationError('not_loopback', { host: JSON.stringify(host) });
  }
  return first.address;
}
