// The Durable Object of the mover and of erasures: works on them at each alarm, and sets the next one while any is under way.
import type { Erasures } from '../../core/edge/ports/erasures.ts';
import type { Mover } from '../../core/edge/ports/mover.ts';
import { withTimeout } from '../../core/lib/timeout.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { toObjectError } from './errors.ts';
import type { ObjectStorage } from './platform.ts';

/** The name of the one object. */
export const MOVER_NAME = 'mover';

/** The methods available to other Workers. */
export interface MoverStub extends Mover {
  /** A method of the erasures, by its name and with these arguments. */
  erasing(...call: ErasureCall): Promise<unknown>;
}

/** A call of a method of the erasures. */
type ErasureCall = {
  [Name in keyof Erasures]: readonly [name: Name, ...args: Parameters<Erasures[Name]>];
}[keyof Erasures];

/** Calls after which there may be work at once. */
const WAKING: readonly string[] = ['erase', 'bringErasures', 'replayErasures'] satisfies (keyof Erasures)[];

export interface MoverObjectMethods extends MoverStub {
  alarm(): Promise<void>;
}

export interface MoverObjectDeps {
  /** With `round`, which does some work, and resolves with when there is more to do; `null` if nothing is under way. */
  readonly mover: Mover & { round(): Promise<number | null> };
  /** The same of erasures. */
  readonly erasures: Erasures & { round(): Promise<number | null> };
  readonly storage: Pick<ObjectStorage, 'getAlarm' | 'setAlarm' | 'deleteAlarm'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** An alarm set by an earlier call that is overdue by this much, in milliseconds, is considered lost. */
const LOST_MS = 60_000;

/** Erasures among which one that is under way keeps an alarm: older ones have one, too. */
const LATEST = 100;

/** Returns the methods. The platform runs one alarm of an object at a time, so rounds do not overlap. */
export function moverObject({ mover, erasures, storage, clock }: MoverObjectDeps): MoverObjectMethods {
  /** After a change there may be work at once. */
  const woken = async <T>(work: Promise<T>): Promise<T> => {
    const answer = await work;
    await storage.setAlarm(clock.now());
    return answer;
  };
  return {
    start: (...call) => woken(mover.start(...call)),
    change: (...call) => woken(mover.change(...call)),
    show: (tenant) => mover.show(tenant),
    erasing: (...[name, ...args]) => {
      const asked = (erasures[name] as (...call: readonly unknown[]) => Promise<unknown>)(...args);
      return WAKING.includes(name) ? woken(asked) : asked;
    },
    list: async () => {
      const moves = await mover.list();
      const { items } = await erasures.erasures({ limit: LATEST });
      const isWorking =
        moves.some(({ state, paused }) => !paused && state !== 'sealed' && state !== 'aborted') ||
        items.some(({ state }) => state !== 'certified');
      const set = await storage.getAlarm();
      // The platform gives an alarm up that has failed too often, and there is none then.
      if (set === null ? isWorking : set < clock.now() - LOST_MS) await storage.setAlarm(clock.now());
      return moves;
    },
    alarm: async () => {
      // Set before the work, so that an object that ends meanwhile goes on.
      await storage.setAlarm(clock.now() + LOST_MS);
      const due = [await mover.round(), await erasures.round()].filter((next) => next !== null);
      if (due.length === 0) await storage.deleteAlarm();
      else await storage.setAlarm(Math.max(Math.min(...due), clock.now()));
    },
  };
}

/** A change of a move may wait for a cell. */
const TIMEOUT_MS = 25_000;

/** Returns the mover as the Worker calls it. Its methods reject with `unavailable` when the object does not answer in time. */
export function moverClient(stub: () => MoverStub, clock: Clock): Mover & Erasures {
  const call = async <T>(work: (mover: MoverStub) => Promise<T>): Promise<T> => {
    const late = () => new PortError('unavailable', `The mover has not answered within ${TIMEOUT_MS} ms.`);
    try {
      return await withTimeout(clock, TIMEOUT_MS, work(stub()), late);
    } catch (error) {
      throw toObjectError(error, false);
    }
  };
  const erasing = <Name extends keyof Erasures>(
    name: Name,
    ...args: Parameters<Erasures[Name]>
  ): ReturnType<Erasures[Name]> =>
    call((mover) => mover.erasing(...([name, ...args] as unknown as ErasureCall))) as ReturnType<Erasures[Name]>;
  return {
    start: (...args) => call((mover) => mover.start(...args)),
    change: (...args) => call((mover) => mover.change(...args)),
    show: (...args) => call((mover) => mover.show(...args)),
    list: () => call((mover) => mover.list()),
    erase: (...args) => erasing('erase', ...args),
    erasure: (...args) => erasing('erasure', ...args),
    erasures: (...args) => erasing('erasures', ...args),
    bringErasures: (...args) => erasing('bringErasures', ...args),
    cellErasures: (...args) => erasing('cellErasures', ...args),
    replayErasures: (...args) => erasing('replayErasures', ...args),
  };
}
