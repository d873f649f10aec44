import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';
import { z } from 'zod';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const jsonSchema = { type: 'object', properties: { speed: { type: 'number', maximum: 200 } } };

describe('schemas over HTTP', () => {
  it('are registered, shown, and checked against', async () => {
    const body = {
      jsonSchema,
      description: 'How fast',
      merge: 'replace',
      allowedScopes: ['global', 'org'],
      baseImpact: 'high',
    };
    const put = await server.send('PUT', '/v1/schemas/limits', { ...body, comment: 'first' });
    expect(put.json()).toMatchObject({ key: 'limits', ...body, enforcedHere: true, invalid: [] });
    const { invalid: _invalid, ...shown } = put.json<{ invalid: unknown }>();
    expect((await server.send('GET', '/v1/schemas/limits')).json()).toEqual(shown);
    expect((await server.send('PUT', '/v1/schemas/limits', body)).json()).toEqual(put.json());

    const wrong = await server.send('POST', '/v1/validate/limits', { value: { speed: 300 } });
    expect(wrong.json()).toEqual({ valid: false, errors: [{ path: 'speed', message: expect.any(String) as unknown }] });
    const right = await server.send('POST', '/v1/validate/limits', { value: { speed: 100 } });
    expect(right.json()).toEqual({ valid: true, errors: [] });
    const stored = await server.send('PUT', '/v1/layers/limits', { value: { speed: 300 } });
    expect(stored.json()).toMatchObject({ status: 422, code: 'validation_failed', errors: [{ path: 'speed' }] });
    expect((await server.send('PUT', '/v1/layers/limits?scope=team&scopeId=a', { value: {} })).json()).toMatchObject({
      code: 'scope_not_allowed',
    });
  });

  it('that do not fit what is stored are refused, or registered with a list of it', async () => {
    await server.service.set('fuel', 'steam', { scope: 'org', scopeId: 'acme' }, 'ann');
    const body = { jsonSchema: { enum: ['petrol', 'diesel'] } };
    const refused = await server.send('PUT', '/v1/schemas/fuel', body);
    expect(refused.json()).toMatchObject({ status: 409, code: 'schema_breaks_values' });
    expect((await server.send('GET', '/v1/schemas/fuel')).json()).toMatchObject({
      status: 404,
      code: 'schema_not_found',
    });
    const reported = await server.send('PUT', '/v1/schemas/fuel', { ...body, onInvalid: 'report' });
    expect(reported.json()).toMatchObject({ invalid: [{ key: 'fuel', scope: 'org', scopeId: 'acme' }] });
  });

  it('are listed by key with the built-in ones, without what only this process holds of them', async () => {
    await server.service.registerSchema('coded', z.strictObject({ a: z.number() }));
    const { schemas } = (await server.send('GET', '/v1/schemas')).json<{ schemas: { key: string; zod?: unknown }[] }>();
    const keys = schemas.map(({ key }) => key);
    expect(keys).toEqual([...keys].sort());
    expect(keys).toEqual(expect.arrayContaining(['branding', 'coded', 'limits', 'pm_intervals']));
    expect(schemas.find(({ key }) => key === 'coded')).toMatchObject({ jsonSchema: { type: 'object' } });
    expect(schemas.some((schema) => 'zod' in schema)).toBe(false);
  });
});
