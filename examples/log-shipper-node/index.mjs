// Ships what CloudWatch Logs sends to a subscription to a collector, as lines of JSON. Some collectors that take this:
// Vector, Fluent Bit, Elasticsearch's and Loki's gateways.
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';

const BATCH_BYTES = 1 << 20;
const ATTEMPTS = 4;

export const handler = async (event) => {
  const data = JSON.parse(gunzipSync(Buffer.from(event.awslogs.data, 'base64')));
  // Sent when a subscription is made, to see that the function can be called.
  if (data.messageType === 'CONTROL_MESSAGE') return { shipped: 0 };
  let shipped = 0;
  for (const batch of batches(data.logEvents.map((entry) => line(data, entry)))) {
    await ship(batch.join(''));
    shipped += batch.length;
  }
  console.info(`shipped ${shipped} events of ${data.logGroup}`);
  return { shipped };
};

/** One event as a line. The members of messages that are JSON objects are kept as members. */
export const line = ({ owner, logGroup, logStream }, { id, timestamp, message }) => {
  let body;
  try {
    body = JSON.parse(message);
  } catch {
    // A text, like most.
  }
  const isObject = body !== null && typeof body === 'object' && !Array.isArray(body);
  const content = isObject ? { record: body } : { message: message.replace(/\n$/, '') };
  return `${JSON.stringify({ id, time: new Date(timestamp).toISOString(), owner, logGroup, logStream, ...content })}\n`;
};

/** Cuts lines into runs of up to about `bytes`. */
export function* batches(lines, bytes = BATCH_BYTES) {
  let batch = [];
  let size = 0;
  for (const text of lines) {
    if (batch.length > 0 && size + text.length > bytes) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(text);
    size += text.length;
  }
  if (batch.length > 0) yield batch;
}

/** What failed in passing is tried again; then the error is the function's, and Lambda tries the whole event again. */
const ship = async (body) => {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(process.env.COLLECTOR_URL, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
      body: gzipSync(body),
      signal: AbortSignal.timeout(10_000),
    }).catch((error) => ({ ok: false, status: 0, error }));
    if (answer.ok) return;
    const passing = answer.status === 0 || answer.status === 429 || answer.status >= 500;
    if (!passing || attempt === ATTEMPTS) {
      throw new Error(`the collector answered ${answer.status || answer.error}`, { cause: answer.error });
    }
    await sleep(100 * 2 ** attempt);
  }
};
