const sensitiveKeys = ['api_keys', 'secrets', 'credentials', 'tokens', 'passwords'];

await configService.set('api_keys', { stripe: 'sk_live_xxx', twilio: 'xxx' }, scope, userId);

const keys = await configService.get('api_keys');

export {};
