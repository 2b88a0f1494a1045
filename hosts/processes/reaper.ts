// Kills the local stack's child processes when the stack itself is killed and cannot do it.
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * A shell that reads `+pid` and `-pid` lines and, when its input ends, kills what is left; then it removes the folders that
 * `/folder` lines name. A child cannot be trusted to do
 * this itself: it may be frozen by SIGSTOP or stuck in a busy loop. Signals that reach the whole terminal are ignored, as
 * the stack's own shutdown must come first.
 */
const SCRIPT = `trap '' INT TERM HUP
pids=' '
folders=''
while IFS= read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
    /*) folders="$folders$line
" ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
printf %s "$folders" | while IFS= read -r folder; do rm -rf -- "$folder"; done
exit 0`;

let shell: ChildProcess | undefined;
const guarded = new Set<number>();

function tell(line: string): void {
  if (shell?.stdin?.writable === true) shell.stdin.write(`${line}\n`);
}

function openShell(): void {
  if (shell !== undefined || process.platform === 'win32') return;
  // A group of its own, so that `kill -9 -group` leaves it alive to clean up.
  const opened = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell = opened;
  const forget = (): void => {
    if (shell === opened) shell = undefined;
  };
  opened.on('error', forget);
  opened.on('exit', forget);
  opened.stdin?.on('error', forget);
  opened.unref();
  const pipe: unknown = opened.stdin;
  if (pipe !== null && typeof pipe === 'object' && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
}

/**
 * Options of a child that only the stack stops. Ctrl-C goes to the whole foreground group of a terminal: in that group, a
 * database would end before the processes that still write to it.
 */
export const OWN_GROUP = { detached: process.platform !== 'win32' } as const;

/**
 * Makes sure that `child` does not outlive this process, however this process ends. Costs one shell for all children; it
 * ends once the last guarded child has. Without effect on Windows, where nothing is ever frozen and a child ends
 * with its connection.
 */
export function dieWithParent(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  openShell();
  guarded.add(pid);
  tell(`+${pid}`);
  child.once('exit', () => {
    tell(`-${pid}`);
    unguard(pid);
  });
}

function unguard(id: number): void {
  guarded.delete(id);
  if (guarded.size > 0) return;
  shell?.stdin?.end();
  shell = undefined;
}

/** No process has such an id. */
let replaced = 0;

/** Keeps the folders while a child is replaced by another one, be it the only one; returns the end of that. */
export function whileReplaced(): () => void {
  replaced -= 1;
  const id = replaced;
  guarded.add(id);
  return () => unguard(id);
}

/**
 * Makes sure that a folder does not outlive this process and its guarded children, however this process ends. To be called
 * while a guarded child runs; without effect on Windows.
 * @param folder an absolute path
 */
export function removeWithParent(folder: string): void {
  if (!/^\/[^\n]+$/.test(folder)) return;
  tell(folder);
}
