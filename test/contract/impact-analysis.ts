const impact = await configService.analyzeImpact('pm_intervals', {
  lightDuty: 15000,
  mediumDuty: 25000,
  heavyDuty: 50000,
});

console.log('Impact Analysis Report:');
console.log('======================');
console.log('Impact Level:', impact.impactLevel);
console.log('Requires Approval:', impact.requiresApproval);
console.log('Required Approvers:', impact.requiredApprovers);
console.log('Affected Services:', impact.affectedServices);
console.log('Affected Users:', impact.affectedUsers);
console.log('Estimated Downtime:', impact.estimatedDowntime || 'None');
console.log('\nRollback Plan:');
console.log(impact.rollbackPlan);
console.log('\nTesting Recommendations:');
impact.testingRecommendations.forEach((rec, i) => {
  console.log(`  ${i + 1}. ${rec}`);
});
console.log('\nDependencies:', impact.dependencies);

if (impact.impactLevel === 'critical') {
  console.log('STOP: This change is critical. Create approval request instead.');
} else {
  await configService.set('pm_intervals', newValue, scope, userId);
}

export {};
