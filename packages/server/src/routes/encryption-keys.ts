/** Owns the routes of the keys that encrypt. */
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { refuseConditions } from './write-headers.ts';

const dataKeyCount = z.object({
  purpose: z.string(),
  kekId: z.string().describe('The key that wraps them'),
  count: z.int(),
  uses: z.int(),
  current: z.string().nullable().describe('The one that new values are encrypted with, where it is among them'),
});

const wrappingKey = z.object({
  keyId: z.string(),
  held: z.boolean().nullable().describe('Whether the server holds it; null where a provider keeps that to itself'),
  current: z.boolean(),
  dataKeys: z.int().describe('How many data keys it wraps'),
});

const keyStatus = z
  .object({
    origin: z.enum(['keyProvider', 'encryptionKey', 'CONFIG_ENCRYPTION_KEY', 'file', 'memory', 'none']),
    currentKeyId: z.string().nullable(),
    keys: z.array(wrappingKey).readonly(),
    dataKeys: z.array(dataKeyCount).readonly(),
  })
  .meta({ id: 'KeyStatus' });

const rotation = z
  .object({ currentKeyId: z.string(), added: z.boolean(), renewed: z.int() })
  .meta({ id: 'KeyRotation' });

const rewrap = z.object({ currentKeyId: z.string(), rewrapped: z.int(), left: z.int() }).meta({ id: 'KeyRewrap' });

const retirement = z.object({ keyId: z.string(), removed: z.boolean() }).meta({ id: 'KeyRetirement' });

type App = Parameters<FastifyPluginCallbackZod>[0];

/** `GET /v1/encryption-keys`, `POST /v1/encryption-keys/rotate`, `…/rewrap` and `…/retire`. */
export function encryptionKeyRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addStatus(app, service);
    addRotate(app, service);
    addRewrap(app, service);
    addRetire(app, service);
    done();
  };
}

const failures = [
  'encryption_key_missing',
  'encryption_not_configured',
  'key_provider_failed',
  'data_key_damaged',
] as const;

function addStatus(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/encryption-keys',
    {
      config: { errors: ['encryption_key_missing', 'key_provider_failed'] },
      schema: {
        summary: 'The keys that encrypt secrets, and how much each is in use',
        response: { 200: keyStatus, default: problemSchema },
      },
    },
    async (request) => service.as(actorOf(request)).getKeyStatus(),
  );
}

function addRotate(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/encryption-keys/rotate',
    {
      preValidation: refuseConditions,
      config: { errors: [...failures] },
      schema: {
        summary: 'Goes on with new keys; what there is stays readable',
        response: { 200: rotation, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      return service.as(actor).rotateKeys(actor.id);
    },
  );
}

function addRewrap(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/encryption-keys/rewrap',
    {
      preValidation: refuseConditions,
      config: { errors: [...failures] },
      schema: {
        summary: 'Wraps all data keys with the key that wraps now; what was ended halfway is gone on with',
        response: { 200: rewrap, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      return service.as(actor).rewrapKeys(actor.id);
    },
  );
}

function addRetire(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/encryption-keys/retire',
    {
      preValidation: refuseConditions,
      config: { errors: ['encryption_key_in_use', 'encryption_key_missing', 'key_provider_failed'] },
      schema: {
        summary: 'Does without a key from now on',
        body: z.strictObject({ keyId: z.string() }),
        response: { 200: retirement, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      return service.as(actor).retireKey(request.body.keyId, actor.id);
    },
  );
}
