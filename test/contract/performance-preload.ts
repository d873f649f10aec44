await configService.preloadHotConfigs();

export {};
