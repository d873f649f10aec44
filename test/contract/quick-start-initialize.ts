import { createConfigurationService } from './services/config/ConfigurationManagementService';
import { getWritePool } from './config/database';
import Redis from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
const configService = createConfigurationService(getWritePool(), {
  redis,
  cacheEnabled: true,
  cacheTtl: 300,
});

{
  const configService = createConfigurationService(getWritePool());
}
