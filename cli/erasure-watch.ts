// Watches an erasure: each change as it comes, until nothing is left in any cell.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Erasure } from '../core/edge/ports/erasures.ts';
import { type CommandContext, EXIT } from './command.ts';
import type { Control } from './edge/edge-client.ts';
import { describeErasure } from './erasure-text.ts';
import { LOOK_MS, UNANSWERED_LOOKS } from './move-watch.ts';
import { patientLook } from './patient-look.ts';

/** Resolves with the exit code. */
export async function watchErasure(
  { control, json, out, err }: Pick<CommandContext, 'json' | 'out' | 'err'> & { readonly control: Control },
  id: string,
): Promise<number> {
  const look = patientLook(
    () => control('GET', `erasures/${id}`) as Promise<Erasure>,
    UNANSWERED_LOOKS,
    (message) => err(`How far it is is not known: ${message}`),
  );
  for (let before = ''; ; await sleep(LOOK_MS)) {
    const erasure = await look();
    if (erasure === undefined) continue;
    const line = json ? JSON.stringify(erasure) : describeErasure(erasure);
    if (line !== before) out(line);
    before = line;
    if (erasure.state !== 'erasing') return EXIT.done;
  }
}
