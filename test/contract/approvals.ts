try {
  await configService.set(
    'approval_thresholds',
    {
      maintenanceApproval: 50000,
      procurementApproval: 100000,
      budgetVariance: 20,
    },
    { scope: ConfigScope.GLOBAL },
    'manager-user',
    'Increase thresholds to reduce bottlenecks',
  );
} catch (error) {
  console.log(error.message);
}

const pending = await configService.getPendingChanges('approver-user');

for (const request of pending) {
  console.log(`
    Request: ${request.id}
    Key: ${request.key}
    Impact: ${request.impactLevel}
    Requested by: ${request.requestedBy}
    Justification: ${request.justification}
    Current: ${JSON.stringify(request.currentValue)}
    Proposed: ${JSON.stringify(request.proposedValue)}
    Approvals: ${request.approvals.length}/${request.minimumApprovals}
  `);

  const impact = await configService.analyzeImpact(request.key, request.proposedValue);

  console.log('Impact Analysis:');
  console.log('  Affected services:', impact.affectedServices);
  console.log('  Affected users:', impact.affectedUsers);
  console.log('  Testing recommendations:', impact.testingRecommendations);

  await configService.approveChange(request.id, 'approver-user', 'Approved after reviewing impact analysis');
}

await configService.rejectChange('req-123', 'approver-user', 'Impact too high for current quarter, revisit in Q2');

export {};
