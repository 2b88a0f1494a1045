// Applies a cell of AWS to an emulator, holds what is there against the declarations, plans again, and destroys it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DeclaredCell } from '../declared.ts';
import { Providers, terraform, terraformIsInstalled } from '../terraform.ts';
import { AwsClient } from './aws-client.ts';
import type { Deployment, Option } from './deployment.ts';
import { HOW_TO_GET, knownListOf, NoEmulator, type RunningEmulator, startMoto } from './emulator.ts';
import { expectedInventory } from './expect.ts';
import { compareInventories, factsOf, type Inventory } from './inventory.ts';
import { at, type Json, text } from './json.ts';
import { describeFound, type Found, judge, type Known, type KnownList, omissions } from './known.ts';
import { observedInventory } from './observed.ts';
import { plannedChanges } from './plan.ts';
import { Root } from './root.ts';

/** What came of one step. `stale`: what is listed as not represented, and is. */
export interface Step {
  readonly what: string;
  readonly status: 'ok' | 'failed' | 'not run' | 'stale';
  readonly detail: string;
}

export interface Request {
  /** The checkout. */
  readonly project: string;
  readonly cell: DeclaredCell;
  /** Address of an emulator that runs; without one, moto is started. */
  readonly endpoint: string | undefined;
  readonly options: ReadonlySet<Option>;
  /** Aborts when the run is to end. What is in an emulator that goes on is still destroyed. */
  readonly stop: AbortSignal;
  /** Aborts when that is not to be waited for either. */
  readonly giveUp: AbortSignal;
  report(step: Step): void;
  progress(text: string): void;
}

/** Resources between two lines of progress. */
const EVERY = 25;

/** Differences that a step's detail lists. */
const LISTED = 40;

const GET_TERRAFORM = 'https://developer.hashicorp.com/terraform/install';

/** Runs all steps. After one that fails only what was made is destroyed. */
export async function applyCell(request: Request): Promise<void> {
  const { report, stop, endpoint, cell } = request;
  const what = `terraform apply of ${cell.id}`;
  const left = (detail: string): void => report({ what, status: 'not run', detail });
  if (!terraformIsInstalled()) return left(`terraform is not installed: ${GET_TERRAFORM}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'polycell-apply-'));
  let emulator: RunningEmulator | undefined;
  try {
    const init = await new Providers(folder).argumentsFor('aws', stop);
    if (stop.aborted) return;
    if (init === undefined) return left('the provider aws cannot be installed here');
    if (endpoint === undefined) request.progress('Starting moto.');
    emulator = endpoint === undefined ? await startMoto(stop) : { endpoint, own: false, stop: async () => undefined };
    await new Run(request, folder, emulator).all(init);
  } catch (error) {
    if (stop.aborted || error instanceof Ended) return;
    if (error instanceof NoEmulator) left(`${error.message}; ${HOW_TO_GET}`);
    else report({ what, status: 'failed', detail: error instanceof Error ? reasonOf(error) : String(error) });
  } finally {
    await emulator?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `fetch` says what went wrong in the cause alone. */
const reasonOf = ({ message, cause }: Error): string =>
  cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;

/** A step has failed, which was reported, or was stopped. */
class Ended extends Error {}

class Run {
  readonly #request: Request;
  readonly #emulator: RunningEmulator;
  readonly #root: Root;
  readonly #planFile: string;

  constructor(request: Request, folder: string, emulator: RunningEmulator) {
    this.#request = request;
    this.#emulator = emulator;
    this.#root = new Root(folder, request.cell);
    this.#planFile = path.join(folder, 'plan');
  }

  /** @param init how terraform gets the provider */
  async all(init: readonly string[]): Promise<void> {
    const { project, cell, options, stop, giveUp, report, progress } = this.#request;
    const { endpoint, own } = this.#emulator;
    const client = (signal: AbortSignal) => new AwsClient({ endpoint, region: cell.region, signal });
    const known = await knownListOf(project, endpoint, stop);
    const account = text(at(await client(stop).query('sts', '2011-06-15', 'GetCallerIdentity'), 'Account'));
    const present = Object.keys(await this.#observed(client(stop)));
    if (present.length > 0) {
      // It would be taken for what was made, and destroyed.
      const detail = `${endpoint} has ${present.length} things of ${cell.id} already, such as ${present[0]}`;
      report({ what: `the emulator has nothing of ${cell.id}`, status: 'failed', detail });
      return;
    }
    if (cell.domain !== null)
      report({ what: `the domain of ${cell.id}`, status: 'not run', detail: 'its certificate is the account’s' });
    progress('Making the packages.');
    const deployment = await this.#root.make(project, { endpoint, account, options });
    await this.#terraform('terraform init', ['init', '-input=false', '-no-color', ...init]);
    try {
      await this.#applied(deployment, known, client(stop));
      await this.#plannedAgain(known);
    } finally {
      // An emulator of our own ends with all that is in it.
      if (!(own && stop.aborted)) await this.#destroyed(known, client(giveUp));
    }
  }

  async #applied(deployment: Deployment, known: KnownList, client: AwsClient): Promise<void> {
    const { stop, report } = this.#request;
    this.#root.leaveOut(omissions(known.plan));
    const made = await this.#changing('terraform apply', ['apply'], stop);
    report({ what: 'terraform apply', status: 'ok', detail: `${made} resources created` });
    const expected = expectedInventory(deployment);
    const found = compareInventories(expected, await this.#observed(client)).map(
      ({ thing, fact, expected: declared, observed: seen }): Found => ({
        kind: thing.split(' ', 1)[0] ?? '',
        about: thing,
        part: fact,
        declared,
        seen,
      }),
    );
    const compared = `${factsOf(expected)} facts of ${Object.keys(expected).length} things`;
    this.#judged('what was created is what is declared', compared, found, known.api);
  }

  async #plannedAgain(known: KnownList): Promise<void> {
    // Also what the apply had to leave out is to be seen.
    this.#root.leaveOut('');
    this.#request.progress('Planning again.');
    const plan = ['plan', '-input=false', '-no-color', '-detailed-exitcode', `-out=${this.#planFile}`];
    await this.#terraform('terraform plan', plan, [0, 2]);
    const shown = JSON.parse(await this.#terraform('terraform show', ['show', '-json', this.#planFile])) as Json;
    const changes = plannedChanges(shown);
    this.#judged('a second plan is empty', `${changes.length} changes`, changes, known.plan);
  }

  /** Reports what differs and is not known, and what is known and does not differ. */
  #judged(what: string, compared: string, found: readonly Found[], list: readonly Known[]): void {
    const { options, report } = this.#request;
    const { unknown, stale, explained } = judge(found, list, options);
    const lines = unknown.slice(0, LISTED).map(describeFound);
    if (unknown.length > LISTED) lines.push(`and ${unknown.length - LISTED} more`);
    const reasons = explained.map(({ known, times }) => `${times} × ${known.kind} ${known.part}: ${known.reason}`);
    if (unknown.length > 0) report({ what, status: 'failed', detail: lines.join('\n') });
    else if (explained.length === 0) report({ what, status: 'ok', detail: compared });
    else {
      const but = `${what}, but for what the emulator cannot represent`;
      report({ what: but, status: 'ok', detail: [compared, ...reasons].join('\n') });
    }
    for (const { kind, part } of stale)
      report({ what: `${kind} ${part}`, status: 'stale', detail: 'listed as what the emulator cannot represent' });
  }

  /** As docs/deploy.md retires a cell: its protection is switched off first. */
  async #destroyed(known: KnownList, client: AwsClient): Promise<void> {
    const { report, giveUp, cell } = this.#request;
    this.#root.leaveOut(omissions(known.plan));
    this.#root.set({ deletion_protection: false });
    const tables = ['events', 'state'].map((name) => `-target=module.cell.aws_dynamodb_table.${name}`);
    await this.#changing('terraform apply without protection', ['apply', ...tables], giveUp);
    const gone = await this.#changing('terraform destroy', ['destroy'], giveUp);
    report({ what: 'terraform destroy', status: 'ok', detail: `${gone} resources destroyed` });
    const left = Object.keys(await this.#observed(client));
    const what = 'destroy leaves nothing';
    if (left.length === 0) report({ what, status: 'ok', detail: `the emulator has nothing of ${cell.id}` });
    else report({ what, status: 'failed', detail: left.slice(0, LISTED).join('\n') });
  }

  #observed(client: AwsClient): Promise<Inventory> {
    return observedInventory(client, this.#request.cell.id);
  }

  /** Runs terraform; resolves with its answer. */
  async #terraform(what: string, args: readonly string[], codes: readonly number[] = [0]): Promise<string> {
    const { stop, report } = this.#request;
    const { code, output, answer } = await terraform(this.#root.live, args, { signal: stop });
    if (stop.aborted) throw new Ended();
    if (code !== null && codes.includes(code)) return answer;
    report({ what, status: 'failed', detail: output });
    throw new Ended();
  }

  /** Runs what changes resources, with progress; resolves with how many it has changed. */
  async #changing(what: string, args: readonly string[], signal: AbortSignal): Promise<number> {
    const { report, progress } = this.#request;
    let done = 0;
    const faults: string[] = [];
    progress(`${what}.`);
    const onLine = (line: string): void => {
      const said = JSON.parse(line.startsWith('{') ? line : '{}') as Json;
      if (text(at(said, 'type')) === 'apply_complete') {
        done += 1;
        if (done % EVERY === 0) progress(`  ${done} resources`);
      }
      if (text(at(said, '@level')) !== 'error') return;
      const [address, detail] = ['address', 'detail'].map((name) => text(at(said, 'diagnostic', name)));
      faults.push([address, text(at(said, '@message')), detail].filter((each) => each !== '').join(' '));
    };
    const changing = [...args, '-auto-approve', '-input=false', '-json'];
    const { code, output } = await terraform(this.#root.live, changing, { signal, onLine });
    if (signal.aborted) throw new Ended();
    if (code === 0) return done;
    report({ what, status: 'failed', detail: faults.length > 0 ? faults.join('\n') : output });
    throw new Ended();
  }
}
