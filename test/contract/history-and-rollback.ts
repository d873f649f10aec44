const history = await configService.getHistory('pm_intervals', 20);

console.log('Version history:');
for (const version of history) {
  console.log(`
    Version: ${version.version}
    Changed: ${version.changedAt}
    By: ${version.changedBy}
    Comment: ${version.comment}
    Impact: ${version.impactLevel}
    Rollback: ${version.isRollback}
  `);
}

const diff = await configService.getDiff('pm_intervals', history[1].version, history[0].version);

for (const change of diff) {
  console.log(`${change.operation} ${change.path}:`);
  if (change.oldValue) console.log(`  Old: ${JSON.stringify(change.oldValue)}`);
  if (change.newValue) console.log(`  New: ${JSON.stringify(change.newValue)}`);
}

const stableVersion = history.find((v) => v.tags.includes('stable-v1.0'));
if (stableVersion) {
  await configService.rollback(
    'pm_intervals',
    stableVersion.version,
    'admin-user',
    'Reverting to last stable release due to production issues',
  );
}

await configService.createTag('stable-v2.0', history[0].version, 'Stable release Q1 2026');

export {};
