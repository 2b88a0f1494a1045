// What an edge isolate reports of the requests that it has sent to cells, for the monitor's overview.

import { addTimes, type IngestTimes, NO_TIMES } from './ingest-times.ts';

/** Requests of one cell since the last report. */
export interface CellTraffic {
  /** Requests sent to the cell. */
  readonly requests: number;
  /** Of these, those that bring events. */
  readonly ingests: number;
  /** Of all, those that the cell has not answered, or has answered with a status from 500. */
  readonly failures: number;
  /** How long the answers took to begin, in all, in milliseconds. */
  readonly tookMs: number;
  /** How long those took that bring events; absent in reports of earlier releases. */
  readonly ingestTimes?: IngestTimes;
}

/** Cell → its traffic; at most `TRAFFIC_LIMITS.cells`. */
export type TrafficReport = Readonly<Record<string, CellTraffic>>;

/** What bounds a report. */
export const TRAFFIC_LIMITS = {
  /** Cells in a report; the requests of further ones are not counted. */
  cells: 200,
  /** How long an isolate collects before it reports, in milliseconds. */
  collectMs: 2000,
} as const;

/** Of a cell to which nothing was sent. */
export const NO_TRAFFIC: CellTraffic = { requests: 0, ingests: 0, failures: 0, tookMs: 0 };

/** The sum of two. */
export const addTraffic = (a: CellTraffic, b: CellTraffic): CellTraffic => ({
  requests: a.requests + b.requests,
  ingests: a.ingests + b.ingests,
  failures: a.failures + b.failures,
  tookMs: a.tookMs + b.tookMs,
  ...((a.ingestTimes ?? b.ingestTimes) && {
    ingestTimes: addTimes(a.ingestTimes ?? NO_TIMES, b.ingestTimes ?? NO_TIMES),
  }),
});
