try {
  await configService.set('pm_intervals', { lightDuty: 50 }, scope, userId);
} catch (error) {
  if (error.message.includes('Validation failed')) {
    console.error('Invalid configuration:', error.message);
  }
}

export {};
