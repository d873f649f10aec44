const backup = await configService.exportConfig({ scope: ConfigScope.GLOBAL }, 'json');
await fs.writeFile(`backup-${Date.now()}.json`, backup);

await performUpgrade();

await configService.importConfig(backup, 'json', 'admin');

export {};
