/** Owns a small key management service: it keeps keys, wraps and unwraps with them for whoever has its token, and notes each call. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** One call as it is noted. */
export interface NotedCall {
  readonly operation: 'wrap' | 'unwrap';
  readonly keyId: string;
  /** The data key that it was for, and what that is used for. */
  readonly dataKeyId: string;
  readonly purpose: string;
  readonly allowed: boolean;
}

/** A key service that runs. Its keys never leave it. */
export interface KeyService {
  readonly url: string;
  readonly token: string;
  readonly calls: readonly NotedCall[];
  /** Makes a new version of the key, which wraps from now on; older ones go on unwrapping. Answers its id. */
  rotate(): string;
  /** Lets a version serve nothing any more. */
  disable(keyId: string): void;
  close(): Promise<void>;
}

/** What is asked of it. */
interface Ask {
  /** The data key, or the wrapped one, in base64. */
  readonly data: string;
  readonly keyId?: string;
  readonly context: { readonly dataKeyId: string; readonly purpose: string };
}

/** Starts a key service on a free port of the loopback. */
export async function startKeyService(): Promise<KeyService> {
  const versions = new Map<string, Buffer>();
  const token = randomBytes(24).toString('base64url');
  const calls: NotedCall[] = [];
  let current = '';
  const rotate = (): string => {
    current = `payments/${String(versions.size + 1)}`;
    versions.set(current, randomBytes(32));
    return current;
  };
  const disabled = new Set<string>();

  const answer = (operation: 'wrap' | 'unwrap', { data, keyId = current, context }: Ask): string => {
    const key = versions.get(keyId);
    const allowed = key !== undefined && !disabled.has(keyId);
    calls.push({ operation, keyId, ...context, allowed });
    if (!allowed) throw new Error(`the key ${keyId} is disabled`);
    const bound = Buffer.from(JSON.stringify([context.dataKeyId, context.purpose]));
    const run = operation === 'wrap' ? encrypt : decrypt;
    return JSON.stringify({ keyId, data: run(key, Buffer.from(data, 'base64'), bound).toString('base64') });
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
    try {
      const operation = request.url === '/wrap' ? 'wrap' : 'unwrap';
      response.end(answer(operation, JSON.parse(await text(request)) as Ask));
    } catch (error) {
      response.writeHead(403).end(error instanceof Error ? error.message : '');
    }
  };
  rotate();
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    token,
    calls,
    rotate,
    disable: (keyId) => void disabled.add(keyId),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const nonceLength = 12;
const tagLength = 16;

function encrypt(key: Buffer, data: Buffer, bound: Buffer): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, data: Buffer, bound: Buffer): Buffer {
  const nonce = data.subarray(0, nonceLength);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength }).setAAD(bound);
  decipher.setAuthTag(data.subarray(-tagLength));
  return Buffer.concat([decipher.update(data.subarray(nonceLength, -tagLength)), decipher.final()]);
}
