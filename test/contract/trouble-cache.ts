await configService.invalidateCache('branding');

const freshValue = await configService.get('branding');

export {};
