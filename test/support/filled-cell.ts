// A cell with readings of two tenants in it, and ways to look at its answers.
import { type Answer, type Loose, type TestCell, testCell } from './cell.ts';
import { candidate, measured } from './events.ts';

/** A call by the other tenant. */
export const GLOBEX = { token: { claims: { ten: 'globex' } } };

/** One minute of two metrics of pump-1, one reading of pump-2, and one of another tenant's pump-1. */
export async function filled(): Promise<TestCell> {
  const cell = testCell();
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

/** The items of a page. */
export const items = ({ body }: Answer): Loose[] => body.items as unknown as Loose[];
/** Their values. */
export const values = (answer: Answer) => items(answer).map(({ value }) => value);
