const version = await configService.set('branding', newValue, scope, userId);
console.log(version.version);

const history = await configService.getHistory('branding', 10);
for (const v of history) {
  console.log(`${v.changedAt}: ${v.comment} (by ${v.changedBy})`);
}

const oldVersion = await configService.getVersion('branding', 'a1b2c3d4e5f6g7h8');

const diff = await configService.getDiff('branding', 'version1', 'version2');

export {};
