'use strict';

// `awslambda.InvokeStore`, which Lambda has since Node.js 24: libraries ask it which invocation runs (`@aws/lambda-invoke-store`,
// and through it the AWS SDK and Powertools), and may keep values of their own with it until the next one begins.

const KEYS = {
  REQUEST_ID: Symbol.for('_AWS_LAMBDA_REQUEST_ID'),
  X_RAY_TRACE_ID: Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID'),
  TENANT_ID: Symbol.for('_AWS_LAMBDA_TENANT_ID'),
};

class InvokeStore {
  static PROTECTED_KEYS = KEYS;

  getContext() {
    return this.currentContext;
  }

  hasContext() {
    return this.currentContext !== undefined;
  }

  run(context, work) {
    this.currentContext = context;
    return work();
  }

  get(key) {
    return this.currentContext?.[key];
  }

  set(key, value) {
    if (this.isProtectedKey(key)) throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    this.currentContext ??= {};
    this.currentContext[key] = value;
  }

  isProtectedKey(key) {
    return Object.values(KEYS).includes(key);
  }

  getRequestId() {
    return this.get(KEYS.REQUEST_ID) ?? '-';
  }

  getXRayTraceId() {
    return this.get(KEYS.X_RAY_TRACE_ID);
  }

  getTenantId() {
    return this.get(KEYS.TENANT_ID);
  }
}

function contextOf(call) {
  const context = { [KEYS.REQUEST_ID]: call.requestId, [KEYS.X_RAY_TRACE_ID]: call.traceId || undefined };
  if (call.tenantId) context[KEYS.TENANT_ID] = call.tenantId;
  return context;
}

module.exports = { InvokeStore, contextOf };
