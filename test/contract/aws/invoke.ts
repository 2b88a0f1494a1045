// A function in this process in place of a Lambda function: events and results pass through JSON, errors become payloads.
import type { Invoke } from '../../../hosts/event-source-mappings/batch-response.ts';

export function invokeInProcess(handler: (event: unknown) => Promise<unknown>): Invoke {
  return async (event) => {
    try {
      return { payload: JSON.stringify(await handler(JSON.parse(JSON.stringify(event)))) };
    } catch (error) {
      return { payload: JSON.stringify({ errorMessage: String(error) }), functionError: 'Unhandled' };
    }
  };
}
