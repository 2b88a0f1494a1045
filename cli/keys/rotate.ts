// Carries a rotation on, step by step: what edge and cells say decides each step, and is looked at again after it.
import type { KeysShown } from '../../core/edge/control/keys.ts';
import { isSameKey, type PublicKey, publicPart } from '../../core/ports/keys.ts';
import { makePrivateKey } from '../../local/route-keys.ts';
import { RefusedError, UserError } from '../command.ts';
import type { Control } from '../edge/edge-client.ts';
import { isAway } from '../patient-look.ts';
import type { Instructions, KeyPlace } from './places.ts';
import { type Judged, judgeCell, judgeRoute, kids, type Present, type Rotation, type Step } from './rotation.ts';
import type { RotationFiles } from './rotation-files.ts';

export const ROTATE_LIMITS = {
  /** The pause between two looks, in milliseconds. */
  lookMs: 2000,
  /** A rotation that is waited for ends the wait after so long, in milliseconds: deployments take hours, not days. */
  waitMs: 24 * 60 * 60 * 1000,
  /** Looks without a pause; more means that a step was done and does not show. */
  steps: 100,
} as const;

/** What a step says to the user. */
export interface Told {
  readonly step: Step['kind'];
  readonly message: string;
  /** What the operator has to do. */
  readonly commands?: Instructions;
}

export interface RotateDeps {
  readonly control: Control;
  readonly place: KeyPlace;
  readonly files: RotationFiles;
  readonly edge: string;
  /** The cell whose key is rotated; `null` for the edge's. */
  readonly cell: string | null;
  readonly except: readonly string[];
  /** The name of the new key; one with the date unless given. */
  readonly kid?: string | undefined;
  /** Goes on until the rotation is done, also while it has to wait. */
  readonly wait: boolean;
  readonly reason: string;
  readonly settleMs: number;
  readonly tell: (told: Told) => void;
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** Begins a rotation or goes on with it; resolves with whether it is done. @throws UserError */
export async function rotate(deps: RotateDeps): Promise<boolean> {
  const { files, wait, tell, now, sleep } = deps;
  const begun = now();
  let rotation = (await files.read()) ?? (await begin(deps));
  if (deps.kid !== undefined && deps.kid !== rotation.new.kid)
    throw new UserError(
      `The rotation to ${rotation.new.kid} is under way; finish it, or abandon it, before another one.`,
    );
  let said = '';
  // A rotation that cannot even be looked at is a failure; later on, an edge that restarts is waited for.
  let last: Present | undefined = await present(deps);
  for (let steps = 0; ; last = await present(deps).catch(notNow)) {
    const judged = last === undefined ? { step: AWAY, rotation } : judge(rotation, last);
    if (JSON.stringify(judged.rotation) !== JSON.stringify(rotation)) await files.write(judged.rotation);
    ({ rotation } = judged);
    const { step } = judged;
    if (step.kind === 'done') {
      await files.remove();
      tell({ step: 'done', message: `Done: ${rotation.new.kid} has taken the place of ${rotation.old.kid}.` });
      return true;
    }
    const told = await take(step, rotation, deps);
    // What was done is looked at at once; what has to be waited for is said once.
    const waits = step.kind === 'wait' || told.commands !== undefined;
    const text = JSON.stringify(told);
    if (text !== said || !waits) tell(told);
    said = text;
    if (!waits) {
      steps += 1;
      if (steps > ROTATE_LIMITS.steps)
        throw new UserError('The edge does not show what was done; look at npx polycell keys list.');
      continue;
    }
    steps = 0;
    if (!wait) return false;
    if (now() - begun > ROTATE_LIMITS.waitMs)
      throw new UserError('The rotation has not come further for a day; repeat the command to go on.');
    const left = step.kind === 'wait' && step.until !== undefined ? step.until - now() : ROTATE_LIMITS.lookMs;
    await sleep(Math.max(1, Math.min(left, ROTATE_LIMITS.lookMs)));
  }
}

const judge = (rotation: Rotation, seen: Present): Judged =>
  rotation.cell === null ? judgeRoute(rotation, seen) : judgeCell(rotation, seen);

const AWAY: Step = { kind: 'wait', reason: 'the edge answers' };

function notNow(error: unknown): undefined {
  if (isAway(error)) return undefined;
  throw error;
}

/** The keys, and what a step goes by besides: which assignments are still to be signed again, or to be given other keys of a cell. */
async function present({ control, cell, except, settleMs, now }: RotateDeps): Promise<Present> {
  const shown = await control('GET', 'keys');
  const { revision, fencing } = await control('GET', 'overview');
  const job = fencing.jobs.find(
    ({ state, of }) => state === 'waiting' && (of === 'all tenants' || (cell !== null && of === `cell ${cell}`)),
  );
  const changed =
    cell === null ? 0 : ((await control('GET', 'cells')).items.find(({ id }) => id === cell)?.revision ?? 0);
  const reached = job === undefined || job.problem === '' ? '' : ` (${job.problem})`;
  const behind = job !== undefined || revision < changed;
  const unsigned = behind ? `the cells of ${cell ?? 'all tenants'} have assignments with the new key${reached}` : null;
  return { shown, unsigned, except, settleMs, now: now() };
}

/** Does a step, or finds out what the operator has to do. */
async function take(step: Exclude<Step, { kind: 'done' }>, rotation: Rotation, deps: RotateDeps): Promise<Told> {
  const { place, files } = deps;
  const say = (message: string, commands: Instructions): Told => ({
    step: step.kind,
    message,
    ...(commands.length > 0 && { commands }),
  });
  switch (step.kind) {
    case 'wait':
      return { step: 'wait', message: `Waiting until ${step.reason}.` };
    case 'accept':
    case 'retire':
      return say(`${step.cells.join(', ')}: to take ${kids(step.keys)}.`, await place.accept(step.cells, step.keys));
    case 'sign':
      return say(
        `The edge: to sign with ${rotation.new.kid}.`,
        await place.sign(await files.readKey(rotation), files.key),
      );
    case 'prove': {
      const cell = rotation.cell ?? '';
      return say(
        `${cell}: to sign with ${rotation.new.kid}.`,
        await place.prove(cell, await files.readKey(rotation), files.key),
      );
    }
    case 'declare':
      return declare(rotation.cell ?? '', step.keys, deps);
  }
}

/** Declares keys of a cell in the directory, with all else that it has of it. */
export async function declare(
  id: string,
  keys: readonly PublicKey[],
  { control, reason }: Pick<RotateDeps, 'control' | 'reason'>,
): Promise<Told> {
  const cell = (await control('GET', 'cells')).items.find((each) => each.id === id);
  if (cell === undefined) throw new UserError(`The directory has no cell ${id}.`);
  const { cloud, region, jurisdiction, endpoint, capacity, price, failover } = cell;
  const definition = { cloud, region, jurisdiction, endpoint, capacity, price, failover };
  const { status } = (await control('PUT', `cells/${id}`, { ...definition, keys, reason })) as { status: string };
  const message = `The directory: to have ${kids(keys)} of ${id}.`;
  if (status !== 'proposed') return { step: 'declare', message };
  return {
    step: 'declare',
    message: `${message} Another operator has to approve it.`,
    commands: ['npx polycell cells approvals', 'npx polycell cells approve CHANGE'],
  };
}

/** Makes the new key. @throws UserError if another rotation is under way, or if a cell does not say which keys it has */
async function begin({ control, files, edge, cell, except, kid, now }: RotateDeps): Promise<Rotation> {
  const shown = await control('GET', 'keys');
  const old = cell === null ? oldOfEdge(shown, except) : oldOfCell(shown, cell);
  const taken = [
    ...shown.signing.map(({ key }) => key),
    ...shown.cells.flatMap(({ declared, accepts }) => [...declared, ...(accepts ?? [])]),
  ];
  const isTaken = (name: string) => taken.some((key) => key.kid === name);
  if (kid !== undefined && isTaken(kid))
    throw new UserError(`There is a key ${kid} already; give the new one another name.`);
  const key = await makePrivateKey(kid ?? freeName(cell ?? 'edge', now(), isTaken));
  const rotation = { edge, cell, old, new: publicPart(key), acceptedAt: null, switchedAt: null };
  await files.begin(rotation, key);
  return rotation;
}

/** `edge-2026-11-28`, with a number if that is taken. */
function freeName(what: string, now: number, isTaken: (name: string) => boolean): string {
  const name = `${what}-${new Date(now).toISOString().slice(0, 10)}`;
  let free = name;
  for (let count = 2; isTaken(free); count += 1) free = `${name}-${count}`;
  return free;
}

function oldOfEdge({ signing, cells }: KeysShown, except: readonly string[]): PublicKey {
  const [first, ...others] = signing;
  if (first === undefined || others.length > 0)
    throw new UserError(
      `The edge signs with ${kids(signing.map(({ key }) => key))}: a key is being replaced. Look again in a minute.`,
    );
  for (const { id, accepts, problem } of cells.filter((each) => !except.includes(each.id))) {
    if (accepts === null)
      throw new UserError(
        `${id} does not say which keys it takes: ${problem ?? 'it proves nothing'}. Repair it, or leave it out with --except ${id}; then it must not serve before it is deployed with the new key.`,
      );
    if (accepts.length !== 1 || !accepts.every((key) => isSameKey(key, first.key)))
      throw new UserError(
        `${id} takes ${kids(accepts)}, and no rotation is known here: go on where it was begun, or give it up with npx polycell keys abandon.`,
      );
  }
  return first.key;
}

function oldOfCell({ cells }: KeysShown, id: string): PublicKey {
  const cell = cells.find((each) => each.id === id);
  if (cell === undefined) throw new RefusedError(`There is no cell ${JSON.stringify(id)}.`, 'unknown_cell');
  const { declared, proves, problem } = cell;
  const [first, ...others] = declared;
  if (first === undefined)
    throw new UserError(`${id} is declared without keys: npx polycell cells add ${id} --keys JSON`);
  if (others.length > 0)
    throw new UserError(
      `${id} has ${kids(declared)}, and no rotation is known here: go on where it was begun, or give it up with npx polycell keys abandon ${id}.`,
    );
  if (proves === null) throw new UserError(`${id} does not prove its identity: ${problem ?? 'it gives no proof'}.`);
  return first;
}

/** Gives a rotation up: what is signed with now stays, alone. Resolves with whether it is done. @throws UserError after the switch */
export async function abandon(deps: RotateDeps): Promise<boolean> {
  const { control, place, files, cell, except, tell } = deps;
  const { signing, cells } = await control('GET', 'keys');
  const rotation = await files.read().catch((error: unknown) => {
    // A file that cannot be used is one more reason to give it up.
    if (!(error instanceof UserError)) throw error;
    return undefined;
  });
  if (cell !== null) {
    const known = cells.find(({ id }) => id === cell);
    const kept = known?.declared.filter(({ kid }) => kid === known.proves) ?? [];
    if (known === undefined || kept.length !== 1)
      throw new UserError(`${cell} does not prove its identity now, so nothing says which key is to stay.`);
    refuseSwitched(rotation, kept);
    if (known.declared.length > 1) {
      const told = await declare(cell, kept, deps);
      tell(told);
      if (told.commands !== undefined) return false;
    }
  } else {
    const kept = signing.map(({ key }) => key);
    if (kept.length !== 1) throw new UserError(`The edge signs with ${kids(kept)}: look again in a minute.`);
    refuseSwitched(rotation, kept);
    const both = cells
      .filter(({ id, accepts }) => !except.includes(id) && (accepts?.length ?? 0) > 1)
      .map(({ id }) => id);
    if (both.length > 0) {
      const commands = await place.accept(both, kept);
      tell({
        step: 'retire',
        message: `${both.join(', ')}: to take ${kids(kept)}.`,
        ...(commands.length > 0 && { commands }),
      });
      if (commands.length > 0) return false;
    }
  }
  await files.remove();
  tell({ step: 'done', message: 'Done: the rotation is given up.' });
  return true;
}

function refuseSwitched(rotation: Rotation | undefined, kept: readonly PublicKey[]): void {
  if (rotation !== undefined && kept.some((key) => isSameKey(key, rotation.new)))
    throw new UserError(
      `${rotation.new.kid} is signed with already: finish the rotation with npx polycell keys rotate --wait.`,
    );
}
