// Directories in the Workers runtime, each an object of its own, whose calls can be made to fail.
import type { DurableObjectDirectory } from '../../../adapters/cloudflare/durable-object-directory.ts';
import type { Directory } from '../../../core/edge/ports/directory.ts';
import type { DirectoryHarness } from '../directory/harness.ts';
import { type Fault, NO_FAULT } from './calls.ts';
import type { WorkersRuntime } from './runtime.ts';

let objects = 0;

/** A directory without cells. */
export function openDirectory(runtime: WorkersRuntime): DirectoryHarness {
  const name = `directory-${++objects}`;
  let fault: Fault = NO_FAULT;
  const client = (faultNow: () => Fault): Pick<DurableObjectDirectory, keyof Directory> => {
    const method =
      <M extends keyof Directory>(method: M) =>
      (...args: Parameters<Directory[M]>) =>
        runtime.call<Awaited<ReturnType<Directory[M]>>>({ target: 'directory', name, method, args, fault: faultNow() });
    return {
      lookup: method('lookup'),
      cells: method('cells'),
      tenants: method('tenants'),
      lease: method('lease'),
      change: method('change'),
      audit: method('audit'),
    };
  };
  return {
    directory: client(() => {
      const now = fault;
      if (now.kind === 'move') fault = NO_FAULT;
      return now;
    }),
    other: client(() => NO_FAULT),
    changeAll: (commands, intent) =>
      runtime.call({ target: 'directory', name, method: 'changeAll', args: [commands, intent], fault: NO_FAULT }),
    restart: () => runtime.restart(),
    faults: {
      hang: () => {
        fault = { kind: 'hang' };
      },
      loseAnswers: () => {
        fault = { kind: 'lose' };
      },
      overload: () => {
        fault = { kind: 'overload' };
      },
      move: (calls) => {
        fault = { kind: 'move', calls };
      },
      heal: () => {
        fault = NO_FAULT;
      },
    },
    close: async () => undefined,
  };
}
