// The browser that tests drive: the one of the system, or the news that there is none.
import { existsSync } from 'node:fs';

/** The executable; `undefined` where none is installed. */
export const BROWSER = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);

/** Of a headless browser in a container, whose own sandbox does not work there. */
export const BROWSER_FLAGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
];

/** A test in place of those in a browser, which says how to have them run. */
export function testsNotRun(): void {
  test('NOT RUN: no browser is installed; `apt-get install chromium` brings one', () => {
    process.stderr.write('The tests in a browser did not run: install one with `apt-get install chromium`.\n');
    expect(BROWSER).toBeUndefined();
  });
}
