// Plays the recorded day against a cell of each cloud, side by side, and compares.
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { openAzureCell } from '../support/azure-cell-harness.ts';
import type { CellHarness } from '../support/cell-harness.ts';
import { PATIENT } from '../support/impatient.ts';
import allowed from './allowed.json' with { type: 'json' };
import { type Allowed, compare, type Difference, type Sides, unused } from './compare.ts';
import { day, TENANTS } from './day.ts';
import { type Played, Player } from './player.ts';
import type { Step } from './recording.ts';

export interface ParityResult {
  /** Answers compared, by kind of request. */
  readonly counts: Readonly<Record<string, number>>;
  readonly unexpected: readonly Difference[];
  readonly allowed: readonly (Allowed & { readonly times: number })[];
  /** Entries of the list that allowed nothing. */
  readonly unused: readonly Allowed[];
}

export const SIDES: Sides = {
  aws: { cell: 'aws-test', cloud: 'aws', region: 'eu-central-1' },
  azure: { cell: 'azure-test', cloud: 'azure', region: 'westeurope' },
};

/** What is played, and the tenants whose state is compared in the end. */
export interface Recording {
  readonly steps: readonly Step[];
  readonly tenants: readonly string[];
}

const wholeDay = (): Recording => ({ steps: day(), tenants: TENANTS });

/** Plays and compares. `progress` is called with each kind of request as it begins. */
export async function playDay(
  progress: (text: string) => void = () => undefined,
  recording: Recording = wholeDay(),
): Promise<ParityResult> {
  progress('starting both cells');
  const opened = await Promise.allSettled([openAwsCell([], PATIENT), openAzureCell([], PATIENT)]);
  const cells = opened.flatMap((cell) => (cell.status === 'fulfilled' ? [cell.value] : []));
  try {
    for (const cell of opened) if (cell.status === 'rejected') throw cell.reason;
    return await play(cells as [CellHarness, CellHarness], progress, recording);
  } finally {
    await Promise.all(cells.map((cell) => cell.close()));
  }
}

async function play(
  cells: readonly [CellHarness, CellHarness],
  progress: (text: string) => void,
  { steps, tenants }: Recording,
): Promise<ParityResult> {
  const players = [new Player(cells[0]), new Player(cells[1])] as const;
  const counts: Record<string, number> = {};
  const differences: Difference[] = [];
  const hold = (aws: readonly Played[], azure: readonly Played[]) => {
    for (let index = 0; index < Math.max(aws.length, azure.length); index += 1) {
      const [one, two] = [aws[index], azure[index]];
      const { group, name, page } = (one ?? two) as Played;
      if (counts[group] === undefined) progress(group);
      counts[group] = (counts[group] ?? 0) + 1;
      if (one === undefined || two === undefined)
        differences.push({ group, name, page, at: 'answer', aws: told(one), azure: told(two) });
      else differences.push(...compare(one, two, allowed, SIDES));
    }
  };
  for (const step of steps) {
    const [aws, azure] = await Promise.all([players[0].play(step), players[1].play(step)]);
    hold(aws, azure);
  }
  for (const tenant of tenants) {
    const [aws, azure] = await Promise.all([players[0].state(tenant), players[1].state(tenant)]);
    hold(aws, azure);
  }
  return {
    counts,
    unexpected: differences.filter(({ allowedBy }) => allowedBy === undefined),
    allowed: (allowed as readonly Allowed[]).map((entry) => ({
      ...entry,
      times: differences.filter(({ allowedBy }) => allowedBy === entry.id).length,
    })),
    unused: unused(allowed, differences),
  };
}

const told = (played: Played | undefined): string => (played === undefined ? 'none' : String(played.answer.status));
