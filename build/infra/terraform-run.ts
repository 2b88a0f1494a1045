// Runs terraform where it is installed: format, validate and test, in a copy of infra/, so that the checkout stays clean.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { modulesBelow, providersOf, readModule } from './modules.ts';
import { Providers, type Ran, terraform, terraformIsInstalled } from './terraform.ts';

/** The outcome of one terraform step. */
export interface Outcome {
  readonly what: string;
  readonly status: 'ok' | 'failed' | 'not run';
  /** Why it was not run, or the output of terraform. */
  readonly detail: string;
}

/** Runs all steps; calls `report` as soon as one has finished. */
export async function runTerraform(root: string, report: (outcome: Outcome) => void): Promise<void> {
  if (!terraformIsInstalled()) {
    report({ what: 'terraform fmt, validate and test', status: 'not run', detail: 'terraform is not installed' });
    return;
  }
  const copy = mkdtempSync(path.join(tmpdir(), 'polycell-terraform-'));
  try {
    cpSync(path.join(root, 'infra'), path.join(copy, 'infra'), {
      recursive: true,
      filter: (source) => !source.includes('.terraform'),
    });
    await new TerraformRun(copy, report).all();
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

class TerraformRun {
  readonly #copy: string;
  readonly #report: (outcome: Outcome) => void;
  readonly #providers: Providers;

  constructor(copy: string, report: (outcome: Outcome) => void) {
    this.#copy = copy;
    this.#report = report;
    this.#providers = new Providers(copy);
  }

  async all(): Promise<void> {
    await this.#step('terraform fmt -check', 'infra', ['fmt', '-check', '-diff', '-recursive', '-no-color']);
    for (const folder of modulesBelow(this.#copy, 'infra')) {
      await this.#variableTests(folder);
      await this.#module(folder);
    }
  }

  async #module(folder: string): Promise<void> {
    const tests = existsSync(path.join(this.#copy, folder, 'tests/unit'));
    const needed = this.#providersBelow(folder);
    const missing: string[] = [];
    const init = new Set<string>();
    for (const provider of needed) {
      const how = await this.#providers.argumentsFor(provider);
      if (how === undefined) missing.push(provider);
      for (const argument of how ?? []) init.add(argument);
    }
    if (missing.length > 0) {
      const detail = `the provider ${missing.join(', ')} cannot be installed here`;
      this.#report({ what: `terraform validate ${folder}`, status: 'not run', detail });
      if (tests) this.#report({ what: `terraform test ${folder}`, status: 'not run', detail });
      return;
    }
    const directory = tests ? ['-test-directory=tests/unit'] : [];
    const { code, output } = await this.#run(folder, [
      'init',
      '-backend=false',
      '-input=false',
      '-no-color',
      ...directory,
      ...init,
    ]);
    if (code !== 0) {
      this.#report({ what: `terraform init ${folder}`, status: 'failed', detail: output });
      return;
    }
    await this.#step(`terraform validate ${folder}`, folder, ['validate', '-no-color', ...directory]);
    if (tests) await this.#step(`terraform test ${folder}`, folder, ['test', '-no-color', ...directory]);
  }

  /** Tests of a module's variables need no provider: they run against the files of variables alone. */
  async #variableTests(folder: string): Promise<void> {
    if (!existsSync(path.join(this.#copy, folder, 'tests/variables'))) return;
    const alone = `${folder}/variables-alone`;
    mkdirSync(path.join(this.#copy, alone));
    const files = readdirSync(path.join(this.#copy, folder)).filter((name) => /^variables(\..+)?\.tf$/.test(name));
    for (const each of [...files, 'tests'])
      cpSync(path.join(this.#copy, folder, each), path.join(this.#copy, alone, each), { recursive: true });
    const directory = '-test-directory=tests/variables';
    const { code, output } = await this.#run(alone, ['init', '-input=false', '-no-color', directory]);
    if (code !== 0) this.#report({ what: `terraform init ${folder}/variables.tf`, status: 'failed', detail: output });
    else await this.#step(`terraform test ${folder}/variables.tf`, alone, ['test', '-no-color', directory]);
    rmSync(path.join(this.#copy, alone), { recursive: true });
  }

  /** The providers of a module and of those that it calls from this repository. */
  #providersBelow(folder: string): ReadonlySet<string> {
    const module = readModule(this.#copy, folder);
    const called = module.blocks
      .filter(({ type }) => type === 'module')
      .flatMap(({ body }) => body.attributes.filter(({ name }) => name === 'source').map(({ value }) => value))
      .flatMap((value) =>
        value.kind === 'literal' && typeof value.value === 'string' ? [path.posix.join(folder, value.value)] : [],
      );
    return new Set([...providersOf(module), ...called.flatMap((each) => [...this.#providersBelow(each)])]);
  }

  async #step(what: string, folder: string, args: readonly string[]): Promise<void> {
    const { code, output } = await this.#run(folder, args);
    this.#report({ what, status: code === 0 ? 'ok' : 'failed', detail: code === 0 ? '' : output });
  }

  #run(folder: string, args: readonly string[]): Promise<Ran> {
    return terraform(path.join(this.#copy, folder), args);
  }
}
