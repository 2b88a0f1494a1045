// At its end a drill hands a short record to the edge, where everyone sees when something was last proven.
import { setTimeout as sleep } from 'node:timers/promises';
import { DRILL_LIMITS, type DrillResult } from '../../core/edge/ports/drills.ts';
import { cutUtf8 } from '../../core/lib/text.ts';
import { RefusedError, UsageError, UserError } from '../command.ts';
import type { Control } from '../edge/edge-client.ts';
import type { DrillReport } from './report.ts';

export const HAND_OVER_LIMITS = {
  /** The record has an id, so handing it over again makes no second one. */
  tries: 3,
  /** Between them, in milliseconds. */
  pauseMs: 2000,
} as const;

/** What is known of a drill that ended before its fault. */
export interface Unproven {
  readonly kind: string;
  readonly cell: string | null;
  readonly startedAt: string;
}

/** The record of a report. `id` distinguishes the drill, `endedAt` is RFC 3339. */
export function resultOf(report: DrillReport, id: string, endedAt: string): DrillResult {
  const { drill, cell, startedAt, outcome, targets, measured } = report;
  const times = 'recovery' in measured ? (measured.recovery ?? []).map(({ rtoMs }) => rtoMs) : [];
  return {
    ...{ id, kind: drill, cell: cell && cutUtf8(cell, DRILL_LIMITS.cellBytes), startedAt, endedAt, outcome },
    rtoMs: times.length === 0 || times.includes(null) ? null : Math.round(Math.max(...times.map(Number))),
    missed: targets
      .filter(({ met }) => !met)
      .slice(0, DRILL_LIMITS.missed)
      .map(({ name, wanted, actual }) => lineOf(`${name}: ${actual} (wanted ${wanted})`)),
  };
}

/** The record of a drill whose load was no baseline, so that there is no report. */
export const inconclusive = ({ kind, cell, startedAt }: Unproven, id: string, endedAt: string): DrillResult => ({
  ...{ id, kind, cell, startedAt, endedAt, outcome: 'inconclusive', rtoMs: null, missed: [] },
});

/** Hands it over. Never rejects because of the edge: what the drill has shown does not depend on it. */
export async function handOver(
  control: () => Promise<Control>,
  result: DrillResult,
  err: (line: string) => void,
  pause: (milliseconds: number) => Promise<unknown> = sleep,
): Promise<void> {
  for (let left = HAND_OVER_LIMITS.tries; ; left -= 1) {
    try {
      const ask = await control();
      await ask('POST', 'drills', result);
      return;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // A refused body is as final.
      const isFinal = error instanceof RefusedError || error instanceof UsageError;
      if (left > 1 && !isFinal) {
        await pause(HAND_OVER_LIMITS.pauseMs);
        continue;
      }
      const isUnknown = error instanceof RefusedError && error.code === 'not_found';
      const why = isUnknown ? 'it is of an earlier release, which keeps none.' : error.message;
      err(`The edge does not know of this drill, which its report and its exit code do not depend on: ${why}`);
      return;
    }
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: -- control characters are exactly what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f]/g;

const lineOf = (text: string): string => cutUtf8(text.replace(UNPRINTABLE, ' '), DRILL_LIMITS.missedBytes).trim();
