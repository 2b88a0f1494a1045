// What can be seen of a running stack: the traces of its parts, and the lines they have written.
import { setTimeout as delay } from 'node:timers/promises';
import { nodePost } from '../../adapters/otlp/node-post.ts';
import { systemClock } from '../../adapters/system/system.ts';
import { readTelemetry } from '../../core/cell/telemetry-settings.ts';
import type { ControlRoutes } from '../control.ts';
import type { Notice } from '../local-cell.ts';
import { LineRing } from './line-ring.ts';
import { TelemetryReceiver } from './receiver.ts';

/** How long a question for new lines is kept open, in milliseconds. */
const LINES_WAIT_MS = 10_000;

export class Plane {
  /** The share of traces that are sampled: all of them, unless the developer's environment says otherwise. */
  readonly #share: string;
  readonly #receiver: TelemetryReceiver;
  readonly #lines = new LineRing(systemClock);
  #address = '';

  /** @throws Error that says what is wrong with the environment's collector */
  constructor(environment: Readonly<Record<string, string | undefined>>, notice: (notice: Notice) => void) {
    const { OTEL_TRACES_SAMPLER_ARG: share = '1' } = environment;
    this.#share = share;
    const problems: string[] = [];
    const elsewhere = readTelemetry({ ...environment, OTEL_TRACES_SAMPLER_ARG: share }, problems);
    if (problems.length > 0) throw new Error(`${problems.join('; ')}.`);
    const message = `the collector at ${elsewhere?.endpoint} does not take everything that is forwarded to it`;
    this.#receiver = new TelemetryReceiver({
      ...(elsewhere && { forward: nodePost(elsewhere, systemClock) }),
      onLost: () => notice({ level: 'warn', part: 'telemetry', message }),
    });
  }

  /** The variables by which a part of the stack exports; only after `start`. */
  get variables(): Readonly<Record<string, string>> {
    return { OTEL_EXPORTER_OTLP_ENDPOINT: this.#address, OTEL_TRACES_SAMPLER_ARG: this.#share };
  }

  /** Keeps a line. */
  note(notice: Notice): void {
    this.#lines.keep(notice);
  }

  /** What the command line asks. */
  get routes(): ControlRoutes {
    return {
      'GET /trace': async ({ query }) => ({
        way: this.#receiver.way(query.get('event') ?? ''),
        share: Number(this.#share),
      }),
      'GET /lines': async ({ query }) => {
        const after = Number(query.get('after') ?? 0);
        if (query.has('wait'))
          await Promise.race([this.#lines.grownBeyond(after), delay(LINES_WAIT_MS, undefined, { ref: false })]);
        return this.#lines.after(after);
      },
    };
  }

  async start(): Promise<void> {
    this.#address = await this.#receiver.start();
  }

  stop(): Promise<void> {
    return this.#receiver.stop();
  }
}
