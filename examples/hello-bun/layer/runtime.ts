// A Lambda runtime for Bun: it loads the handler that the function names, asks the Runtime API for an event, answers it,
// and asks again.

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

// An event may be hours away: no request may give up on its own.
const ask = (path: string, options: RequestInit = {}) => fetch(`${api}/${path}`, { ...options, timeout: false } as RequestInit);

const report = (path: string, error: unknown) => {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  console.error(stack);
  const body = JSON.stringify({ errorType: name, errorMessage: message, stackTrace: stack?.split('\n') ?? [] });
  return ask(path, { method: 'POST', body, headers: { 'Lambda-Runtime-Function-Error-Type': `Function.${name}` } });
};

async function load() {
  const [file, name] = (process.env._HANDLER ?? '').split('.');
  const handler = (await import(`${process.env.LAMBDA_TASK_ROOT}/${file}`))[name];
  if (typeof handler !== 'function') throw new TypeError(`${process.env._HANDLER} is not a function`);
  return handler;
}

const handler = await load().catch(async (error) => {
  await report('init/error', error);
  process.exit(1);
});

for (;;) {
  const next = await ask('invocation/next');
  const header = (name: string) => next.headers.get(`lambda-runtime-${name}`) ?? '';
  const id = header('aws-request-id');
  process.env._X_AMZN_TRACE_ID = header('trace-id');
  const context = {
    awsRequestId: id,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    invokedFunctionArn: header('invoked-function-arn'),
    getRemainingTimeInMillis: () => Number(header('deadline-ms')) - Date.now(),
  };
  try {
    const result = await handler(await next.json(), context);
    await ask(`invocation/${id}/response`, { method: 'POST', body: JSON.stringify(result ?? null) });
  } catch (error) {
    await report(`invocation/${id}/error`, error);
  }
}
