// Ends a child process: in order within a time limit, or at once.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** Calls `ask`, which requests the process to end, and kills it after `timeoutMs`. Repeating it is harmless. */
export async function endChild(
  child: ChildProcess | undefined,
  ask: (child: ChildProcess) => void,
  timeoutMs: number,
): Promise<void> {
  if (child === undefined || isOver(child)) return;
  const ended = once(child, 'exit');
  ask(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await ended;
  clearTimeout(timer);
}

/** Kills a process by SIGKILL, like a crash: unwritten data is lost. */
export async function killChild(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || isOver(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
