// A drill's report: everything measured as data, and the same for people as Markdown.
import { baselineFaults, type Measured, type Outcome, seconds, type Target } from './verdict.ts';

/** Something that happened, in milliseconds since the drill began. */
export interface Moment {
  readonly atMs: number;
  readonly what: string;
}

/** Happenings of a drill at most; there are about twenty. */
export const TIMELINE_LENGTH = 1000;

export interface DrillReport {
  readonly drill: Measured['kind'];
  /** The cell that had the fault; `null` for the loss of the map. */
  readonly cell: string | null;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly rate: number;
  readonly seconds: number;
  readonly tenants: number;
  readonly outcome: Outcome;
  readonly passed: boolean;
  readonly targets: readonly Target[];
  readonly timeline: readonly Moment[];
  /** Milliseconds from the fault; `null` if it did not happen. */
  readonly detectedMs?: number | null;
  readonly switchedMs?: number | null;
  readonly phases: Readonly<
    Record<
      string,
      {
        readonly requests: number;
        readonly succeeded: number;
        readonly byStatus: Readonly<Record<string, number>>;
        readonly p50Ms: number;
        readonly p99Ms: number;
      }
    >
  >;
  readonly measured: Measured;
}

/** Outcomes as people see them: what must not be overlooked is in capitals. */
export const SHOWN: Readonly<Record<Outcome, string>> = {
  passed: 'passed',
  failed: 'FAILED',
  inconclusive: 'inconclusive',
};

/** What was wrong before the fault, and what to do about it. */
export const whyInconclusive = ({ measured }: DrillReport): string =>
  `Before the fault ${baselineFaults(measured.baseline).join(', and ')}, so the result says nothing about the fault. Give a lower --load, or end what else keeps this machine busy.`;

/** The report as Markdown. Texts from outside cannot break its tables. */
export function toMarkdown(report: DrillReport): string {
  const { drill, cell, outcome, targets, timeline, phases, measured } = report;
  const { ledger, recovery } = measured;
  const lines = [
    `# Drill ${drill}${cell === null ? '' : ` of ${cell}`}: ${SHOWN[outcome]}`,
    '',
    ...(outcome === 'inconclusive' ? [whyInconclusive(report), ''] : []),
    `Begun ${report.startedAt}; ${report.rate} events a second for ${report.seconds} s from ${report.tenants} tenants.`,
    '',
    '## Targets',
    '',
    ...table(
      ['target', 'wanted', 'measured', ''],
      targets.map(({ name, wanted, actual, met }) => [name, wanted, actual, met ? 'met' : 'MISSED']),
    ),
    '',
    '## Timeline',
    '',
    ...table(
      ['at', 'what'],
      timeline.map(({ atMs, what }) => [seconds(atMs), what]),
    ),
    '',
    '## Requests',
    '',
    ...table(
      ['phase', 'requests', 'succeeded', 'p50', 'p99', 'by status'],
      Object.entries(phases).map(([name, phase]) => [
        name,
        String(phase.requests),
        String(phase.succeeded),
        `${phase.p50Ms} ms`,
        `${phase.p99Ms} ms`,
        Object.entries(phase.byStatus)
          .map(([status, count]) => `${status}: ${count}`)
          .join(', '),
      ]),
    ),
    '',
    '## Events',
    '',
    `${ledger.acknowledged} acknowledged (${Object.entries(ledger.acknowledgedBy)
      .map(([by, count]) => `${by} ${count}`)
      .join(
        ', ',
      )}), ${ledger.lost} lost, ${ledger.doubled + measured.effects.doubled} double and ${measured.effects.missing} missing effects.`,
    `${ledger.inSeveralLogs} are in the logs of several cells, ${ledger.unacknowledged} were stored without their acknowledgement having arrived.`,
  ];
  if (recovery !== undefined)
    lines.push(
      '',
      '## Recovery by tenant',
      '',
      ...table(
        ['tenant', 'served again after'],
        recovery.map(({ tenant, rtoMs }) => [tenant, rtoMs === null ? 'never' : seconds(rtoMs)]),
      ),
    );
  return `${lines.join('\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((each) => each.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
