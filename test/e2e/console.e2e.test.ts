// The console in a real browser, over a stack of two cells: what operators see and do, by mouse, by keyboard, in both themes, at any size.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { buildBundles, compile, deployableOptions, root } from '../../build/bundles.mjs';
import { StackClient } from '../../cli/stack-client.ts';
import { Stack } from '../../local/stack.ts';
import { BROWSER, BROWSER_FLAGS, testsNotRun } from '../support/browser.ts';
import { cellDeclaration } from '../support/cell-declaration.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_TEST_MS, PATIENCE_MS } from '../support/patience.ts';

/** Its consumers park every event of the metric `poison`. */
const badRelease = { name: 'test/cli-worker', entry: 'test/support/faulty-aws-worker.ts', platform: 'aws' } as const;
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = ['overview', 'tenants', 'tenants/acme', 'failover/cell-1', 'parked/acme', 'drills', 'audit'] as const;

let stack: Stack;
let edge: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What the browser has complained about, such as a breach of the policy. */
const complaints: string[] = [];

async function start(): Promise<void> {
  await buildBundles();
  await compile(deployableOptions(badRelease));
  stack = await Stack.create({
    cells: ['cell-1', 'cell-2'].map((id, index) => ({
      ...cellDeclaration({ id, cloud: 'aws', region: `eu-central-${index + 1}` }),
      failover: 'never',
    })),
    tenants: [{ id: 'acme', residency: 'any', tier: 'standard', cell: 'cell-1', standby: 'cell-2' }],
    version: 'test',
    bundles: { worker: path.join(root, `dist/${badRelease.name}/index.cjs`) },
    notice: () => undefined,
    onDeath: (reason) => {
      throw new Error(reason);
    },
    environment: {},
  });
  edge = (await stack.start()).edge?.url ?? '';
  browser = await chromium.launch({
    ...(BROWSER !== undefined && { executablePath: BROWSER }),
    args: [...BROWSER_FLAGS],
  });
  await signedIn();
}

/** A new page of an operator who has signed in. */
async function signedIn(): Promise<void> {
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(PATIENCE_MS);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Requests that a test breaks, or that are refused, are no fault of the page.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  await page.goto(`${edge}/console/`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
}

const go = async (name: string): Promise<void> => {
  await page.goto(`${edge}/console/#/${name}`);
  await page.locator('main h1').waitFor();
};

const control = async () => (await StackClient.find(edge)).control();

/** Sends events that consumers cannot process. */
async function poison(...ids: readonly string[]): Promise<void> {
  const token = await stack.tenantToken({ tenant: 'acme', scopes: ['ingest'] });
  const events = ids.map((id) => ({
    specversion: '1.0',
    id,
    source: 'urn:test:console',
    type: 'io.polycell.reading.v1',
    subject: 'pump-1',
    time: '2026-11-20T10:00:00Z',
    data: { metric: 'poison', value: 1 },
  }));
  const response = await fetch(`${edge}/v1/events`, {
    method: 'POST',
    body: JSON.stringify(events),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/cloudevents-batch+json' },
  });
  expect(response.status).toBe(202);
}

/** The ids of a consumer's parked events, as the cell has them. */
async function parkedIds(consumer: string): Promise<readonly string[]> {
  const token = await stack.tenantToken({ tenant: 'acme', scopes: ['operate'] });
  const response = await fetch(`${edge}/v1/parked?consumer=${consumer}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { items } = (await response.json()) as { items: readonly { event: { id: string } }[] };
  return items.map(({ event }) => event.id).sort();
}

if (BROWSER === undefined) testsNotRun();
else {
  jest.setTimeout(LONG_TEST_MS);
  beforeAll(start);
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });
  afterEach(() => expect(complaints.splice(0)).toEqual([]));

  test('after signing in, the address and the storage hold neither code nor token, and the overview is that of the stack', async () => {
    expect(page.url()).toBe(`${edge}/console/`);
    expect(await page.evaluate('[sessionStorage.length, localStorage.length, document.cookie]')).toEqual([0, 0, '']);
    for (const cell of ['cell-1', 'cell-2'])
      await page.getByRole('row', { name: new RegExp(`${cell}.*active`) }).waitFor();
    expect(await page.getByRole('table', { name: 'Tenants by home and serving cell' }).textContent()).toContain('acme');
  });

  test('the first load of a page without a session shows nothing but the sign-in', async () => {
    const other = await context.newPage();
    await other.goto(`${edge}/console/#/audit`);
    await other.getByRole('button', { name: 'Sign in' }).click();
    // The operator comes back to the page that was asked for.
    await other.getByRole('heading', { name: 'Audit log' }).waitFor();
    await other.close();
  });

  test.each([
    ['light', ''],
    // All else is the same in both.
    ['dark', "{ runOnly: ['color-contrast'] }"],
  ] as const)('no page has a fault of accessibility in the %s theme', async (colorScheme, rules) => {
    await page.emulateMedia({ colorScheme });
    const faults: string[] = [];
    for (const name of PAGES) {
      await go(name);
      await page.evaluate(AXE);
      const { violations } = (await page.evaluate(`axe.run(${rules})`)) as AxeResults;
      for (const { id, nodes } of violations) faults.push(...nodes.map(({ html }) => `${name}: ${id}: ${html}`));
    }
    expect(faults).toEqual([]);
  });

  test('at 400 % zoom every page fits the width, and can be left', async () => {
    await page.setViewportSize({ width: 320, height: 256 });
    for (const name of PAGES) {
      await go(name);
      const widths = await page.evaluate('[document.documentElement.scrollWidth, window.innerWidth]');
      expect([name, widths]).toEqual([name, [320, 320]]);
    }
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  test('the focus stays where it is while the page is refreshed', async () => {
    await go('overview');
    await page.getByRole('link', { name: 'Fail over…' }).nth(1).focus();
    const before = await page.locator('.freshness').textContent();
    await eventually(async () => expect(await page.locator('.freshness').textContent()).not.toBe(before));
    await page.waitForResponse((response) => response.url().endsWith('/control/v1/overview'));
    expect(await page.evaluate("document.activeElement?.getAttribute('href')")).toBe('#/failover/cell-2');
  });

  test('what is left of the error budgets is shown as of the first whole minute: of what is not known, nothing', async () => {
    await go('overview');
    const table = page.getByRole('table', { name: 'Left of the error budgets of 30 days' });
    const row = table.getByRole('row', { name: /^cell-1/ });
    await eventually(async () => expect(await row.textContent()).toMatch(/\d{4}-\d\d-\d\d$/));
    const shown = async () => (await row.getByRole('cell').allTextContents()).slice(0, 4);
    // Page and answer are of the same minute, sooner or later.
    await eventually(async () => {
      const { objectives, cells } = await (await control())('GET', 'overview');
      const budget = cells.items[0]?.budget;
      const kinds = [budget?.availability, budget?.state, budget?.lag, budget?.rpo];
      expect(objectives.windowDays).toBe(30);
      expect((await shown()).map((text) => text === '–')).toEqual(kinds.map((kind) => kind?.left === null));
    });
  });

  test('a failover takes three interactions of the keyboard alone, shows its effect first, and how long it took', async () => {
    await go('overview');
    await page.getByRole('link', { name: 'Fail over…' }).first().focus();
    await page.keyboard.press('Enter');
    // Its effect is there before anything can be done.
    await page.getByRole('row', { name: /acme cell-1 cell-2/ }).waitFor();
    await page.getByRole('button', { name: 'Fail over cell-1…' }).focus();
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement?.textContent')).toBe('Yes, fail over cell-1 now: 1 tenant');
    const { items } = await (await control())('GET', 'failovers');
    expect(items).toEqual([]);
    await page.keyboard.press('Enter');
    await page.getByText('Failed over: 1 tenant moved').waitFor();
    expect((await (await control())('GET', 'failovers')).items.map(({ id }) => id)).toEqual(['cell-1']);
    await page.getByText(/^RTO \d/).waitFor();
    expect(await page.locator('#live').textContent()).toContain('cell-1 is now down, answers.');
    const overview = await (await control())('GET', 'overview');
    expect(overview.failovers[0]).toMatchObject({ cell: 'cell-1', silentSince: null, rtoMs: expect.any(Number) });
  });

  test('what was confirmed is what happens: after another change nothing is done, and the new preview is shown', async () => {
    await go('failover/cell-1');
    await page.getByRole('button', { name: 'Fail back cell-1…' }).click();
    await (await control())('POST', 'tenants/acme/pin', { pinned: true, reason: 'another operator' });
    await page.getByRole('button', { name: 'Yes, fail back' }).click();
    await page.getByText('The directory has changed since the preview, so nothing was done.').waitFor();
    expect((await (await control())('GET', 'failovers')).items).toHaveLength(1);
    const { revision } = await (await control())('GET', 'tenants/acme');
    await page.getByText(`As of revision ${revision}.`).waitFor();
    await page.getByRole('button', { name: 'Fail back cell-1…' }).click();
    await page.getByRole('button', { name: 'Yes, fail back' }).click();
    await page.getByText('Failed back: 1 tenant moved').waitFor();
    expect((await (await control())('GET', 'failovers')).items).toEqual([]);
  });

  test('parked events are grouped by reason; what is removed are the ticked ones, and none that came later', async () => {
    await poison('one', 'two', 'three');
    await eventually(async () => expect(await parkedIds('rollups')).toEqual(['one', 'three', 'two']));
    await go('parked/acme');
    const group = page.getByRole('region', { name: /^rollups: / }).first();
    await group.getByText('3 events', { exact: true }).waitFor();
    await group.getByRole('button', { name: 'Show one' }).click();
    expect(await group.locator('pre').textContent()).toContain('"metric": "poison"');
    await group.getByRole('checkbox', { name: 'Choose two' }).uncheck();
    await poison('late');
    await eventually(async () => expect(await parkedIds('rollups')).toContain('late'));
    await group.getByRole('button', { name: 'Drop 2 events…' }).click();
    await group.getByRole('button', { name: 'Yes, remove 2 events for good' }).click();
    await page.getByText('2 events removed.').waitFor();
    expect(await parkedIds('rollups')).toEqual(['late', 'two']);
    await group.getByText('2 events', { exact: true }).waitFor();
  });

  test('a redrive sends exactly what is shown', async () => {
    await go('parked/acme');
    const group = page.getByRole('region', { name: /^device-state: / }).first();
    await group.getByRole('button', { name: 'Redrive 4 events…' }).click();
    await group.getByRole('button', { name: 'Yes, send 4 events to device-state again' }).click();
    await page.getByText('4 events sent again.').waitFor();
  });

  test('text of others is text', async () => {
    const reason = '<img src=x onerror="document.title=`owned`"><b>bold</b>';
    await (await control())('POST', 'tenants/acme/pin', { pinned: false, reason });
    await go('audit');
    await page.getByRole('cell', { name: reason }).waitFor();
    expect(await page.locator('main img, main b').count()).toBe(0);
  });

  test('an operator whose sign-in is refused keeps the view, signs in again, and is back on the same page', async () => {
    await go('tenants/acme');
    await context.route('**/control/v1/overview', (route) => route.fulfill({ status: 401, json: {} }), { times: 1 });
    await page.getByRole('button', { name: 'Sign in again' }).waitFor();
    await page.getByRole('heading', { name: 'acme', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.locator('.freshness.fresh').waitFor();
    expect(page.url()).toBe(`${edge}/console/#/tenants/acme`);
  });

  test('drills are listed with outcome, RTO and what was missed, in words', async () => {
    const [startedAt, endedAt] = [new Date(Date.now() - 60_000).toISOString(), new Date().toISOString()];
    const drill = { kind: 'cell-loss', cell: 'cell-1', startedAt, endedAt };
    const hand = await control();
    await hand('POST', 'drills', { ...drill, id: 'console-drill-1', outcome: 'passed', rtoMs: 3400 });
    const missed = ['double effects: 1 (wanted 0)'];
    await hand('POST', 'drills', { ...drill, id: 'console-drill-2', kind: 'map-loss', outcome: 'failed', missed });
    await go('drills');
    await page.getByRole('row', { name: /cell-loss cell-1 passed 3\.4 s/ }).waitFor();
    await page.getByRole('row', { name: /map-loss cell-1 failed .*double effects: 1 \(wanted 0\)/ }).waitFor();
  });

  test('while the edge is away the last view stays, says so, and is greyed; then it goes on', async () => {
    await go('overview');
    await page.clock.install();
    await page.waitForResponse((response) => response.url().endsWith('/control/v1/overview'));
    await context.route('**/control/v1/overview', (route) => route.abort());
    const banner = page.locator('.banner');
    await banner.getByText('The edge does not answer.').waitFor();
    await page.clock.fastForward(20_000);
    await page.locator('.page.stale').waitFor();
    await page
      .getByRole('row', { name: /cell-1/ })
      .first()
      .waitFor();
    await context.unroute('**/control/v1/overview');
    await banner.waitFor({ state: 'detached' });
    expect(await page.locator('.page.stale').count()).toBe(0);
  });
}
