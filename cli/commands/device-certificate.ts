// `polycell device-certificate`: what a device shows at the edge in place of a token.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Command, required, UserError } from '../command.ts';
import { StackClient } from '../stack-client.ts';

export const deviceCertificate: Command = {
  summary: 'make a certificate with which a device talks to the edge',
  usage: '--tenant T --device D [--out DIR]',
  example: 'npx polycell device-certificate --tenant acme --device pump-1 --out ./state/pump-1',
  asks: 'stack',
  options: {
    tenant: { type: 'string' },
    device: { type: 'string' },
    out: { type: 'string' },
  },
  describe: {
    '--tenant T': 'the tenant whose device it is',
    '--device D': 'the device',
    '--out DIR': 'where certificate.pem, key.pem and authority.pem are put; here if not given',
  },
  async run({ options, json, out }) {
    const tenant = required(options, 'tenant');
    const device = required(options, 'device');
    const stack = await StackClient.find(options.stack as string | undefined);
    const issued = await stack.deviceCertificate(tenant, device);
    if (json) {
      out(JSON.stringify(issued));
      return 0;
    }
    const folder = typeof options.out === 'string' ? options.out : '.';
    const { key, certificate, authority } = issued;
    try {
      await mkdir(folder, { recursive: true });
      // The key comes first: one that is there already is not overwritten, and then nothing is.
      for (const [name, text] of Object.entries({ key, certificate, authority }))
        await writeFile(path.join(folder, `${name}.pem`), text, name === 'key' ? { mode: 0o600, flag: 'wx' } : {});
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (error as NodeJS.ErrnoException).syscall === 'open')
        throw new UserError(`There is a key.pem in ${folder} already; --out names another folder.`);
      throw new UserError(`The certificate cannot be written to ${folder}: ${(error as Error).message}.`);
    }
    const file = (name: string) => path.join(folder, `${name}.pem`);
    out(
      `curl --cacert ${file('authority')} --cert ${file('certificate')} --key ${file('key')} ${issued.url}/v1/devices`,
    );
    return 0;
  },
};
