// The recorded day: 29 February 2024, as a few tenants live it. The same requests in the same order at every play.
import { faultSteps } from './day-faults.ts';
import { hostileSteps } from './day-hostile.ts';
import { ingestSteps } from './day-ingest.ts';
import { operationSteps, readSteps } from './day-reads.ts';
import { refusalSteps } from './day-refusals.ts';
import type { Step } from './recording.ts';
import { tortureSteps } from './torture.ts';

/** Those whose state is compared when the day is over. */
export const TENANTS = ['acme', 'globex', 'initech', 'outage', 'wrong', 'odd', 'fenced'] as const;

/** All steps of the day. */
export const day = (): Step[] => [
  ...ingestSteps(),
  ...refusalSteps(),
  ...readSteps(),
  ...hostileSteps(),
  ...tortureSteps(),
  ...operationSteps(),
  ...faultSteps(),
];
