// A drill's report: everything measured as data, and the same for people as Markdown and, with a plot, as a page.
import type { DataMeasured } from './data-verdict.ts';
import type { Line } from './per-second.ts';
import type { PhaseSummary } from './service.ts';
import { baselineFaults, type Measured, type Outcome, seconds, type Target } from './verdict.ts';

/** Something that happened, in milliseconds since the drill began. */
export interface Moment {
  readonly atMs: number;
  readonly what: string;
  /** What the plot marks of it, in a word or two; `edge`: where the shaded time begins or ends. */
  readonly mark?: Mark;
}

export interface Mark {
  readonly text: string;
  readonly edge?: 'begin' | 'end';
}

/** Happenings of a drill at most; there are about twenty. */
export const TIMELINE_LENGTH = 1000;

interface Report<M extends Measured | DataMeasured> {
  readonly drill: M['kind'];
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
  readonly phases: Readonly<Record<string, PhaseSummary>>;
  /** What the plot shows. */
  readonly lines: readonly Line[];
  readonly measured: M;
}

/** Of a drill that breaks something. */
export interface FaultReport extends Report<Measured> {
  /** Milliseconds from the fault; `null` if it did not happen. */
  readonly detectedMs?: number | null;
  readonly switchedMs?: number | null;
}

/** Of a drill about copies of data. */
export type DataReport = Report<DataMeasured>;

/** Of any drill. */
export type DrillReport = FaultReport | DataReport;

/** Outcomes as people see them: what must not be overlooked is in capitals. */
export const SHOWN: Readonly<Record<Outcome, string>> = {
  passed: 'passed',
  failed: 'FAILED',
  inconclusive: 'inconclusive',
};

/** What was wrong before the fault, and what to do about it. */
export const whyInconclusive = ({ measured }: DrillReport): string =>
  `Before the fault ${baselineFaults(measured.baseline).join(', and ')}, so the result says nothing about the fault. Give a lower --load, or end what else keeps this machine busy.`;

/** A part of a report: sentences, or a table. */
export interface Section {
  readonly title: string;
  readonly sentences?: readonly string[];
  readonly head?: readonly string[];
  readonly rows?: readonly (readonly string[])[];
}

/** The title of a report. */
export const titleOf = ({ drill, cell, outcome }: DrillReport): string =>
  `Drill ${drill}${cell === null ? '' : ` of ${cell}`}: ${SHOWN[outcome]}`;

/** What stands above all sections. */
export const leadOf = (report: DrillReport): readonly string[] => [
  ...(report.outcome === 'inconclusive' ? [whyInconclusive(report)] : []),
  report.rate === 0
    ? `Begun ${report.startedAt}; without load.`
    : `Begun ${report.startedAt}; ${report.rate} events a second for ${report.seconds} s from ${report.tenants} tenants.`,
];

/** The sections of a report, in the order in which people read them. */
export function sectionsOf({ targets, timeline, phases, measured }: DrillReport): readonly Section[] {
  const sections: Section[] = [
    {
      title: 'Targets',
      head: ['target', 'wanted', 'measured', ''],
      rows: targets.map(({ name, wanted, actual, met }) => [name, wanted, actual, met ? 'met' : 'MISSED']),
    },
    {
      title: 'Timeline',
      head: ['at', 'what'],
      rows: timeline.map(({ atMs, what }) => [seconds(atMs), what]),
    },
  ];
  if (Object.keys(phases).length > 0)
    sections.push({
      title: 'Requests',
      head: ['phase', 'requests', 'succeeded', 'p50', 'p99', 'by status'],
      rows: Object.entries(phases).map(([name, phase]) => [
        name,
        String(phase.requests),
        String(phase.succeeded),
        `${phase.p50Ms} ms`,
        `${phase.p99Ms} ms`,
        Object.entries(phase.byStatus)
          .map(([status, count]) => `${status}: ${count}`)
          .join(', '),
      ]),
    });
  const { ledger, effects } = measured;
  if (ledger !== undefined && effects !== undefined)
    sections.push({
      title: 'Events',
      sentences: [
        `${ledger.acknowledged} acknowledged (${Object.entries(ledger.acknowledgedBy)
          .map(([by, count]) => `${by} ${count}`)
          .join(
            ', ',
          )}), ${ledger.lost} lost, ${ledger.doubled + effects.doubled} double and ${effects.missing} missing effects.`,
        `${ledger.inSeveralLogs} are in the logs of several cells, ${ledger.unacknowledged} were stored without their acknowledgement having arrived.`,
      ],
    });
  return [...sections, ...('recovery' in measured ? recoveryOf(measured) : []), ...dataOf(measured)];
}

const recoveryOf = ({ recovery }: Measured): readonly Section[] =>
  recovery === undefined
    ? []
    : [
        {
          title: 'Recovery by tenant',
          head: ['tenant', 'served again after'],
          rows: recovery.map(({ tenant, rtoMs }) => [tenant, rtoMs === null ? 'never' : seconds(rtoMs)]),
        },
      ];

/** What a drill about copies has besides. */
function dataOf(measured: Measured | DataMeasured): readonly Section[] {
  if (!('facts' in measured)) return [];
  const { facts, stages = [], attempts = [] } = measured;
  return [
    ...(stages.length === 0
      ? []
      : [
          {
            title: 'What clients saw through the edge',
            head: ['when', 'acknowledged by then', 'missing', 'twice', 'served by'],
            rows: stages.map(({ name, acknowledged, missing, twice, servedBy }) => [
              ...[name, String(acknowledged), String(missing), String(twice), servedBy.join(', ')],
            ]),
          },
        ]),
    ...(attempts.length === 0
      ? []
      : [
          {
            title: 'What was tried',
            head: ['from', 'at', 'attempt', 'answer', ''],
            rows: attempts.map(({ from, at, what, answer, outcome }) => [from, at, what, answer, outcome]),
          },
        ]),
    ...(facts.length === 0
      ? []
      : [
          {
            title: 'Measured besides',
            head: ['what', 'how much'],
            rows: facts.map(({ what, value }) => [what, value]),
          },
        ]),
  ];
}

/** The report as Markdown. Texts from outside cannot break its tables. */
export function toMarkdown(report: DrillReport): string {
  const lines = [`# ${titleOf(report)}`];
  for (const sentence of leadOf(report)) lines.push('', sentence);
  for (const { title, sentences = [], head, rows = [] } of sectionsOf(report)) {
    lines.push('', `## ${title}`, '');
    lines.push(...sentences, ...(head === undefined ? [] : table(head, rows)));
  }
  return `${lines.join('\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((each) => each.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
