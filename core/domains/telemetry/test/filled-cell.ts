// A cell with readings of two tenants in it, and ways to look at its answers.
import { type Answer, type CellOptions, items, type TestCell, testCell } from '../../../../test/support/cell.ts';
import { candidate, measured } from '../../../../test/support/events.ts';
import { TELEMETRY } from './workers.ts';

/** An empty cell that runs telemetry. */
export const telemetryCell = (options: CellOptions = {}): TestCell => testCell({ application: TELEMETRY, ...options });

/** A call by the other tenant. */
export const GLOBEX = { token: { claims: { ten: 'globex' } } };

/** One minute of two metrics of pump-1, one reading of pump-2, and one of another tenant's pump-1. */
export async function filled(): Promise<TestCell> {
  const cell = telemetryCell();
  const at = (second: string, metric: string, value: number) =>
    candidate({
      id: `${metric}${second}`,
      time: `2026-11-21T07:${second}Z`,
      data: measured(metric, value, { unit: 'u' }),
    });
  await cell.post([
    at('39:59.9', 't', 1),
    at('40:00', 't', 2),
    at('40:00.5', 'rpm', 3),
    at('40:59.999', 't', 4),
    at('41:00', 't', 5),
    candidate({ id: 'other', subject: 'pump-2', time: '2026-11-21T07:00:00Z', data: measured('t', 9) }),
  ]);
  await cell.post([candidate({ id: 'theirs', time: '2026-11-21T06:00:00Z', data: measured('secret', 7) })], GLOBEX);
  await cell.pump();
  return cell;
}

/** The values of a page of readings. */
export const values = (answer: Answer) => items(answer).map(({ value }) => value);
