// Watches the move of a tenant: each change as it comes, until it is verified, or has left its source if it is to, ends or rests.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MoveView } from '../core/edge/ports/mover.ts';
import { type CommandContext, EXIT } from './command.ts';
import type { Control } from './edge/edge-client.ts';
import { describeMove } from './move-text.ts';

/** The pause between two looks, in milliseconds. */
const LOOK_MS = 1000;

/** Resolves with the exit code: a move that was aborted has failed. */
export async function watchMove(
  { control, json, out }: Pick<CommandContext, 'json' | 'out'> & { readonly control: Control },
  tenant: string,
): Promise<number> {
  for (let before = ''; ; await sleep(LOOK_MS)) {
    const move = (await control('GET', `moves/${tenant}`)) as MoveView;
    const line = json ? JSON.stringify(move) : describeMove(move);
    if (line !== before) out(line);
    before = line;
    if (move.state === 'aborted') return EXIT.failed;
    // One that leaves its source does so once it is verified, and is sealed then.
    const isAtRest = move.state === 'sealed' || (move.state === 'verified' && move.leave !== true);
    if (move.paused || isAtRest) return EXIT.done;
  }
}
