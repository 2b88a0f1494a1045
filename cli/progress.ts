// A progress bar on a terminal, only messages elsewhere; and a pacer that limits a sender's rate.
import { sleep } from '../hosts/processes/wait.ts';

export interface ProgressBar {
  advance(
    by: number,
    totals: { readonly accepted: number; readonly duplicates: number; readonly rejected: number },
  ): void;
  /** Prints a line above the bar. */
  say(line: string): void;
  end(): void;
}

const WIDTH = 30;

/** Time between redraws, in milliseconds. */
const REDRAW_MS = 80;

/** A bar on standard error; without a total it counts. */
export function progressBar(total: number | undefined, quiet: boolean): ProgressBar {
  const { stderr } = process;
  const drawn = stderr.isTTY && !quiet;
  let done = 0;
  let last = 0;
  let text = '';
  const draw = () => {
    if (drawn) stderr.write(`\r\u001b[2K${text}`);
  };
  return {
    advance(by, { accepted, duplicates, rejected }) {
      done += by;
      const share = total === undefined ? 0 : Math.min(1, done / total);
      const bar =
        total === undefined
          ? ''
          : `${'█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░')} ${Math.floor(share * 100)} %  `;
      text = `${bar}${done} sent: ${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected`;
      if (performance.now() - last < REDRAW_MS) return;
      last = performance.now();
      draw();
    },
    say(line) {
      if (drawn) stderr.write('\r\u001b[2K');
      stderr.write(`${line}\n`);
      draw();
    },
    end() {
      if (drawn) stderr.write('\r\u001b[2K');
    },
  };
}

/** Lets through at most a number of units per second, evenly. */
export class Pacer {
  readonly #perSecond: number;
  #next = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Resolves when `units` may be sent, or when `signal` aborts. */
  async take(units: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#next);
    this.#next = at + (units / this.#perSecond) * 1000;
    if (at > now) await sleep(at - now, signal);
  }
}
