// The command line `polycell`: selects the command and passes it its arguments.
import { readFile } from 'node:fs/promises';
import { sourceFile } from '../local/source-file.ts';
import { suggestion } from './closest.ts';
import { type Command, runCommand } from './command.ts';
import { audit } from './commands/audit.ts';
import { cells } from './commands/cells.ts';
import { console as consoleCommand } from './commands/console.ts';
import { dev } from './commands/dev.ts';
import { deviceCertificate } from './commands/device-certificate.ts';
import { doctor } from './commands/doctor.ts';
import { drill } from './commands/drill.ts';
import { emulate } from './commands/emulate.ts';
import { erase } from './commands/erase.ts';
import { erasures } from './commands/erasures.ts';
import { exportCommand } from './commands/export.ts';
import { failover } from './commands/failover.ts';
import { get } from './commands/get.ts';
import { keys } from './commands/keys.ts';
import { login } from './commands/login.ts';
import { logout } from './commands/logout.ts';
import { logs } from './commands/logs.ts';
import { moves } from './commands/moves.ts';
import { newDomain } from './commands/new.ts';
import { parked } from './commands/parked.ts';
import { profiles } from './commands/profiles.ts';
import { rebuild } from './commands/rebuild.ts';
import { replicas } from './commands/replicas.ts';
import { send } from './commands/send.ts';
import { status } from './commands/status.ts';
import { tenantToken } from './commands/tenant-token.ts';
import { tenants } from './commands/tenants.ts';
import { token } from './commands/token.ts';
import { trace } from './commands/trace.ts';
import { whoami } from './commands/whoami.ts';
import { write } from './commands/write.ts';

/** Every command by its name. */
export const commands: Readonly<Record<string, Command>> = {
  dev,
  send,
  get,
  write,
  status,
  parked,
  trace,
  logs,
  rebuild,
  replicas,
  cells,
  tenants,
  moves,
  export: exportCommand,
  erase,
  erasures,
  failover,
  keys,
  console: consoleCommand,
  audit,
  login,
  logout,
  whoami,
  profiles,
  doctor,
  'tenant-token': tenantToken,
  'device-certificate': deviceCertificate,
  token,
  drill,
  emulate,
  new: newDomain,
};

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'Usage: npx polycell <command> [options]',
    '',
    ...lines,
    '',
    '`npx polycell <command> --help` shows its options and an example; `npx polycell --version` the version.',
  ].join('\n');
}

/** Runs the command line; returns the exit code, one of `EXIT`. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  // A reader that stops early, such as `head`, is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  if (name === undefined || name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    process.stdout.write(`${help()}\n`);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    const { version } = JSON.parse(await readFile(sourceFile('package.json'), 'utf8')) as { version: string };
    process.stdout.write(`${version}\n`);
    return 0;
  }
  if (name === 'help' && rest[0] !== undefined) return main([rest[0], '--help']);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const names = Object.keys(commands);
    process.stderr.write(
      `Unknown command ${JSON.stringify(name)}.${suggestion(name, [...names, '--help', '--version'])} The commands are ${names.join(', ')}.\n`,
    );
    return 2;
  }
  return runCommand(name, command, rest);
}
