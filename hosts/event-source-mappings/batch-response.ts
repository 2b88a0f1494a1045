// Reads what a batch function returned: which records of its batch failed.

/** What a mapping invokes: a LambdaHost, or a function of this process. */
export type Invoke = (event: unknown) => Promise<{ payload: string; functionError?: 'Unhandled' }>;

export type BatchOutcome =
  | { kind: 'success' }
  /** The whole batch failed; `reason` is for a person. */
  | { kind: 'failure'; reason: string }
  /** These identifiers failed; never empty. */
  | { kind: 'partial'; failed: ReadonlySet<string> };

const failure = (reason: string): BatchOutcome => ({ kind: 'failure', reason });

/**
 * Invokes with a batch and says what became of it. A rejection (throttling, a stopped host) is a failure of the batch.
 * @param known identifiers of the batch's records
 * @param reportsItems whether ReportBatchItemFailures is on; without it any result is a success
 */
export async function runBatch(
  invoke: Invoke,
  event: unknown,
  known: ReadonlySet<string>,
  reportsItems: boolean,
): Promise<BatchOutcome> {
  try {
    const { payload, functionError } = await invoke(event);
    if (functionError !== undefined) return failure(payload);
    return reportsItems ? readBatchResponse(payload, known) : { kind: 'success' };
  } catch (error) {
    return failure(String(error));
  }
}

/**
 * An absent, null or empty list is a success. An item without an identifier, or with one that is not of this batch, fails the
 * whole batch, and so does a result that is no object.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html (same for SQS)
 */
export function readBatchResponse(payload: string, known: ReadonlySet<string>): BatchOutcome {
  if (payload === '') return { kind: 'success' };
  let result: unknown;
  try {
    result = JSON.parse(payload);
  } catch (error) {
    if (error instanceof SyntaxError) return failure('The result is no JSON.');
    throw error;
  }
  if (result === null || result === '') return { kind: 'success' };
  if (typeof result !== 'object') return failure('The result is no object with batchItemFailures.');
  const list: unknown = 'batchItemFailures' in result ? result.batchItemFailures : undefined;
  if (list === undefined || list === null) return { kind: 'success' };
  if (!Array.isArray(list)) return failure('batchItemFailures is no list.');
  const failed = new Set<string>();
  for (const item of list as unknown[]) {
    const id: unknown =
      item !== null && typeof item === 'object' && 'itemIdentifier' in item ? item.itemIdentifier : undefined;
    if (typeof id !== 'string' || !known.has(id))
      return failure(`batchItemFailures names ${JSON.stringify(id)}, which is not of this batch.`);
    failed.add(id);
  }
  return failed.size === 0 ? { kind: 'success' } : { kind: 'partial', failed };
}
