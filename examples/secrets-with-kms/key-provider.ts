/** Owns what Strata needs of a key management service: two calls, for each data key once in each process. */
import type { KeyContext, KeyProvider } from '@strata/service';

/** A provider that asks the key service at `url`, with the token of this application. */
export function keyProvider({ url, token }: { readonly url: string; readonly token: string }): KeyProvider {
  const ask = async (operation: string, body: object): Promise<{ readonly keyId: string; readonly data: string }> => {
    const answer = await fetch(`${url}/${operation}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
    // Strata tells its callers that the provider failed; this is the cause, for those who look after it.
    if (!answer.ok) throw new Error(`${operation}: ${String(answer.status)} ${await answer.text()}`);
    return (await answer.json()) as { readonly keyId: string; readonly data: string };
  };
  return {
    async wrap(dataKey: Uint8Array, context: KeyContext) {
      const { keyId, data } = await ask('wrap', { data: Buffer.from(dataKey).toString('base64'), context });
      return { keyId, wrapped: data };
    },
    async unwrap({ keyId, wrapped }, context) {
      return Buffer.from((await ask('unwrap', { data: wrapped, keyId, context })).data, 'base64');
    },
  };
}
