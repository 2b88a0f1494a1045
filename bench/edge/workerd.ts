// workerd, Cloudflare's runtime, as a process of the benchmark's own: no simulator around it that would be measured as well.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { workerdBinary } from '../../hosts/edge/edge-host.ts';
import { dieWithParent } from '../../hosts/processes/reaper.ts';

/** What a contender consists of. */
export interface WorkerdConfig {
  /** The services, as a Cap'n Proto list in text; the first socket leads to the service `main`. */
  readonly services: string;
  /** Further declarations of the file. */
  readonly declarations: string;
  /** Files beside it: name → text. There is an empty folder `storage` as well. */
  readonly files: Readonly<Record<string, string>>;
}

export interface WorkerdProcess {
  readonly port: number;
  /** Processor time since it began, in microseconds. */
  cpuMicroseconds(): Promise<number>;
  /** Resident memory, in MiB. */
  rssMiB(): Promise<number>;
  stop(): Promise<void>;
}

/** Linux counts processor time in these, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK_MICROSECONDS = 10_000;

/** It answers within 0.2 s; this is far beyond. */
const START_TIMEOUT_MS = 10_000;

/** Starts it on a free port. Rejects with what it said if it does not come up. */
export async function startWorkerd({ services, declarations, files }: WorkerdConfig): Promise<WorkerdProcess> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-bench-'));
  await mkdir(path.join(folder, 'storage'));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services}],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
${declarations}
`;
  await writeFile(path.join(folder, 'config.capnp'), config);
  const child = spawn(workerdBinary(), ['serve', '--experimental', '--control-fd=3', 'config.capnp'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  dieWithParent(child);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await listening(child);
    return {
      port,
      cpuMicroseconds: async () => {
        const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
      },
      rssMiB: async () => {
        const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
        return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The port, which it reports on its control pipe. */
function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    let control = '';
    const note = (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-4000);
    };
    child.stdout?.on('data', note);
    child.stderr?.on('data', note);
    const timer = setTimeout(() => reject(new Error(`workerd did not come up in time: ${said}`)), START_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`workerd ended with ${code}: ${said}`));
    });
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      control += chunk.toString('utf8');
      const port = /"event":"listen"[^\n]*"port":(\d+)/.exec(control)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}
