const redis = new Redis(process.env.REDIS_URL);
const configService = createConfigurationService(pool, { redis });

export {};
