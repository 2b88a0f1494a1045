// Runs terraform where it is installed, and finds out how it gets its providers there.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VERSIONS } from './scaffold.ts';

/** How terraform ended, and what it said. */
export interface Ran {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly output: string;
  /** Standard output alone, for what is read by programs. */
  readonly answer: string;
}

/** Provider directories of distributions and administrators, besides those that terraform searches itself. */
const MIRRORS = ['/opt/tf-plugins', '/usr/share/terraform/plugins', '/usr/local/share/terraform/plugins'];

const SOURCES: Readonly<Record<string, string>> = {
  aws: 'hashicorp/aws',
  azurerm: 'hashicorp/azurerm',
  cloudflare: 'cloudflare/cloudflare',
  vault: 'hashicorp/vault',
};

/** Longer than the slowest step on a busy machine, in milliseconds. */
const TIMEOUT_MS = 10 * 60_000;

/** For terraform to end in order once it was asked to, in milliseconds. */
const GRACE_MS = 20_000;

/** Characters of terraform's output that are kept; what a plan of a cell prints is a tenth of it. */
const KEPT_OUTPUT = 4_000_000;

export function terraformIsInstalled(): boolean {
  const version = spawnSync('terraform', ['version', '-json'], { encoding: 'utf8' });
  return version.error === undefined && version.status === 0;
}

// Variables that a developer has set for other roots must not apply here, and no account of theirs may be reached.
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(AWS_|TF_(?!CLI_CONFIG_FILE|CLI_ARGS_init|PLUGIN_CACHE_DIR))/.test(name),
    ),
  );

/** Kills terraform; if it leads a group, with the providers that it has started. */
function killAll({ pid }: ChildProcess, leads: boolean): void {
  if (pid === undefined) return;
  try {
    process.kill(leads ? -pid : pid, 'SIGKILL');
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs terraform in a folder. When `signal` aborts it is asked to end, and killed with its providers if it does not.
 * @param onLine is given each line of standard output as it comes
 */
export function terraform(
  folder: string,
  args: readonly string[],
  { signal, onLine }: { readonly signal?: AbortSignal; readonly onLine?: (line: string) => void } = {},
): Promise<Ran> {
  // A caller that decides what ends when must be the only one that Ctrl-C reaches: terraform gets a group of its own.
  const leads = signal !== undefined && process.platform !== 'win32';
  return new Promise((resolve, reject) => {
    const child = spawn('terraform', [...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' },
      detached: leads,
    });
    const timers = new Set<NodeJS.Timeout>([setTimeout(() => killAll(child, leads), TIMEOUT_MS)]);
    const end = (): void => {
      child.kill('SIGINT');
      timers.add(setTimeout(() => killAll(child, leads), GRACE_MS));
    };
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end, { once: true });
    let output = '';
    let answer = '';
    let rest = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      keep(chunk);
      answer = (answer + chunk.toString()).slice(-KEPT_OUTPUT);
      if (onLine === undefined) return;
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(onLine);
    });
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve({ code, output, answer });
    });
  });
}

/** Finds out how `terraform init` gets each provider. */
export class Providers {
  readonly #folder: string;
  readonly #found = new Map<string, readonly string[] | undefined>();

  /** @param folder where it may try */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The arguments with which `init` installs a provider, or undefined if it cannot. */
  async argumentsFor(name: string, signal?: AbortSignal): Promise<readonly string[] | undefined> {
    if (!this.#found.has(name)) this.#found.set(name, await this.#find(name, signal));
    return this.#found.get(name);
  }

  async #find(name: string, signal: AbortSignal | undefined): Promise<readonly string[] | undefined> {
    const source = SOURCES[name];
    if (source === undefined) return undefined;
    const version = (VERSIONS as Readonly<Record<string, string>>)[name];
    const folder = path.join(this.#folder, `probe-${name}`);
    mkdirSync(folder);
    const constraint = version === undefined ? '' : `\n      version = "${version}"`;
    writeFileSync(
      path.join(folder, 'main.tf'),
      `terraform {\n  required_providers {\n    ${name} = {\n      source = "${source}"${constraint}\n    }\n  }\n}\n`,
    );
    const mirrors = MIRRORS.filter((mirror) => existsSync(path.join(mirror, 'registry.terraform.io', source))).map(
      (mirror) => [`-plugin-dir=${mirror}`],
    );
    for (const how of [...mirrors, []]) {
      const { code } = await terraform(
        folder,
        ['init', '-input=false', ...how],
        signal === undefined ? {} : { signal },
      );
      if (code === 0) return how;
    }
    return undefined;
  }
}
