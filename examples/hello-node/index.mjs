// Says hello, and shows what a function is told about itself and about its invocation.

export const handler = async (event, context) => {
  const name = event?.name ?? 'world';
  console.log('saying hello to', name);
  return {
    message: `Hello, ${name}!`,
    event,
    function: {
      name: context.functionName,
      version: context.functionVersion,
      arn: context.invokedFunctionArn,
      memory_mb: context.memoryLimitInMB,
    },
    invocation: {
      request_id: context.awsRequestId,
      log_group: context.logGroupName,
      log_stream: context.logStreamName,
      remaining_ms: context.getRemainingTimeInMillis(),
    },
    runtime: `Node.js ${process.version}`,
  };
};
