// Watches the move of a tenant: each change as it comes, until it is verified, or has left its source if it is to, ends or rests.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MoveView } from '../core/edge/ports/mover.ts';
import { type CommandContext, EXIT } from './command.ts';
import type { Control } from './edge/edge-client.ts';
import { describeMove } from './move-text.ts';
import { patientLook } from './patient-look.ts';

/** The pause between two looks at a move, in milliseconds. */
export const LOOK_MS = 1000;

/** Looks in a row that an edge may leave unanswered: moves take hours, in which it is deployed as well. */
export const UNANSWERED_LOOKS = 300;

/** Resolves with the exit code: a move that was aborted has failed. */
export async function watchMove(
  { control, json, out, err }: Pick<CommandContext, 'json' | 'out' | 'err'> & { readonly control: Control },
  tenant: string,
): Promise<number> {
  const look = patientLook(
    () => control('GET', `moves/${tenant}`) as Promise<MoveView>,
    UNANSWERED_LOOKS,
    (message) => err(`How far it is is not known: ${message}`),
  );
  for (let before = ''; ; await sleep(LOOK_MS)) {
    const move = await look();
    if (move === undefined) continue;
    const line = json ? JSON.stringify(move) : describeMove(move);
    if (line !== before) out(line);
    before = line;
    if (move.state === 'aborted') return EXIT.failed;
    // One that leaves its source does so once it is verified, and is sealed then.
    const isAtRest = move.state === 'sealed' || (move.state === 'verified' && move.leave !== true);
    if (move.paused || isAtRest) return EXIT.done;
  }
}
