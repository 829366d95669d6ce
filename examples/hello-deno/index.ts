// A function in TypeScript, which Deno runs without a build.

interface Greeting {
  name?: string;
}

interface Context {
  awsRequestId: string;
  functionName: string;
  getRemainingTimeInMillis(): number;
}

export async function handler(event: Greeting, context: Context) {
  if (event.name === '') throw new RangeError('expected a name, found an empty one');
  console.log('greeting', event.name ?? 'the world');
  return {
    message: `Hello from Deno ${Deno.version.deno}, ${event.name ?? 'world'}!`,
    function: context.functionName,
    requestId: context.awsRequestId,
    remainingMs: context.getRemainingTimeInMillis(),
  };
}
