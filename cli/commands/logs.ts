// `polycell logs`: the lines that the parts of a local stack have written.
import type { Line } from '../../local/telemetry/line-ring.ts';
import { type Command, EXIT } from '../command.ts';
import { describeNotice } from '../notices.ts';
import { StackClient } from '../stack-client.ts';

export const logs: Command = {
  summary: 'show what the parts of a local stack have logged',
  usage: '[--follow] [--cell C] [--tenant T]',
  example: 'npx polycell logs --follow --cell aws-alpha --tenant acme',
  asks: 'stack',
  options: { follow: { type: 'boolean' }, cell: { type: 'string' }, tenant: { type: 'string' } },
  describe: {
    '--follow': 'go on with the lines to come, until Ctrl-C',
    '--cell C': 'only lines of this cell, or of `edge`',
    '--tenant T': 'only lines about this tenant',
  },
  async run({ options, json, out, err }) {
    const stack = await StackClient.find(options.stack as string | undefined, err);
    const { cell, tenant } = options;
    if (typeof cell === 'string' && cell !== 'edge') await stack.cell(cell);
    const isWanted = ({ part, fields = {} }: Line): boolean =>
      (cell === undefined || part.split(' ')[0] === cell) && (tenant === undefined || fields.tenant === tenant);
    // Ctrl-C is the way to end it, and no failure.
    if (options.follow === true) process.once('SIGINT', () => process.exit(EXIT.done));
    let shown = 0;
    for (let after = 0, isFirst = true; isFirst || options.follow === true; isFirst = false) {
      const { lines, last } = await stack.lines(after, !isFirst);
      for (const line of lines.filter(isWanted)) {
        shown += 1;
        out(json ? JSON.stringify(line) : describeNotice(line, Date.parse(line.time)));
      }
      if (isFirst && shown === 0 && !json)
        err(lines.length === 0 ? 'No part has logged anything yet.' : 'No line that is kept is about that.');
      after = last;
    }
    return 0;
  },
};
