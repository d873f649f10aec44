const backupJson = await configService.exportConfig({ scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' }, 'json');

await fs.writeFile('config-backup-org123-2026-01-05.json', backupJson);

const backupData = await fs.readFile('config-backup-org123-2026-01-05.json', 'utf8');
const result = await configService.importConfig(backupData, 'json', 'admin-user', {
  scope: ConfigScope.ORGANIZATION,
  scopeId: 'org-123',
});

console.log(`Imported: ${result.imported}`);
console.log(`Failed: ${result.failed}`);

if (result.errors.length > 0) {
  console.log('Errors:');
  result.errors.forEach((err) => {
    console.log(`  ${err.key}: ${err.error}`);
  });
}

export {};
