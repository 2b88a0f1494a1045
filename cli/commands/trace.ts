// `polycell trace`: the way of an event through a local stack, from the edge to what its consumers did.
import { type Command, UsageError, UserError } from '../command.ts';
import { StackClient } from '../stack-client.ts';
import { wayLines } from '../way-lines.ts';

export const trace: Command = {
  summary: 'show the way of an event: edge, cell, relay and consumers, with times',
  usage: 'EVENT-ID',
  example: 'npx polycell trace 3f6f0c6e-0001',
  asks: 'stack',
  options: {},
  positionals: 1,
  describe: { 'EVENT-ID': 'the id of the event, as it was sent' },
  async run({ positionals, options, json, out, err }) {
    const [event = ''] = positionals;
    if (event === '') throw new UsageError('Give the id of an event, as it was sent.');
    const stack = await StackClient.find(options.stack as string | undefined, err);
    const { way, share } = await stack.trace(event);
    if (way.length === 0) throw new UserError(noTrace(event, share));
    if (json) out(JSON.stringify(way));
    else for (const line of wayLines(way)) out(line);
    return 0;
  },
};

/** Why there is none, as far as it can be known. */
export function noTrace(event: string, share: number): string {
  const what = `There is no trace of the event ${JSON.stringify(event)}`;
  const newest = 'the stack keeps the newest 5,000 traces';
  if (share === 0) return `${what}: the stack samples none, as OTEL_TRACES_SAMPLER_ARG is 0.`;
  if (share < 1)
    return `${what}: it was not sent to this stack, or its trace is not among the share of ${share} that OTEL_TRACES_SAMPLER_ARG samples; ${newest}.`;
  return `${what}: it was not sent to this stack, or too long ago; ${newest}.`;
}
