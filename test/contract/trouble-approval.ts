try {
  await configService.set('approval_thresholds', newValue, scope, userId);
} catch (error) {
  if (error.message.includes('requires approval')) {
    const requestId = error.message.match(/request created: (.+)/)[1];
    console.log(`Change request created: ${requestId}`);
    console.log('Waiting for approval from administrators');
  }
}

export {};
