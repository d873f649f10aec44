import { z } from 'zod';

const vehicleSettingsSchema = z.object({
  maxSpeed: z.number().min(0).max(200),
  fuelType: z.enum(['gasoline', 'diesel', 'electric', 'hybrid']),
  maintenanceInterval: z.number().min(1000).max(50000),
  warrantyExpiration: z.string().datetime().optional(),
});

await configService.registerSchema('vehicle_settings', vehicleSettingsSchema);

await configService.set(
  'vehicle_settings',
  {
    maxSpeed: 120,
    fuelType: 'electric',
    maintenanceInterval: 10000,
  },
  { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
  'admin',
);

try {
  await configService.set(
    'vehicle_settings',
    {
      maxSpeed: 300,
      fuelType: 'nuclear',
      maintenanceInterval: 100,
    },
    { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
    'admin',
  );
} catch (error) {
  console.error(error.message);
}

const validationResult = await configService.validateConfig('vehicle_settings', {
  maxSpeed: 150,
  fuelType: 'hybrid',
  maintenanceInterval: 15000,
});

if (validationResult.valid) {
  console.log('Configuration is valid');
} else {
  console.log('Validation errors:', validationResult.errors);
}
