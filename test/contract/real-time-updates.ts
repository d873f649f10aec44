const unwatch = await configService.watchConfig(['branding', 'pm_intervals', 'approval_thresholds'], (changes) => {
  for (const change of changes) {
    console.log(`Configuration changed: ${change.key}`);
    console.log(`  Old value:`, change.oldValue);
    console.log(`  New value:`, change.newValue);
    console.log(`  Changed by: ${change.changedBy}`);
    console.log(`  Version: ${change.version}`);

    if (change.key === 'branding') {
      updateUIBranding(change.newValue);
    }
  }
});

unwatch();

export {};
