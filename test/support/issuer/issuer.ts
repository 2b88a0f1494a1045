// Starts an OpenID provider (oidc-provider) for a test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { newerNode } from '../newer-node.ts';

export interface Issuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Lets the sign-in go on that shows this code to its user. */
  approve(code: string, account?: string): Promise<void>;
  stop(): Promise<void>;
}

export interface IssuerSettings {
  readonly alg: 'Ed25519' | 'RS256';
  /** The audience of the tokens. */
  readonly resource: string;
  readonly scopes: string;
  readonly tokenSeconds?: number;
}

/** The provider asks for Node.js 22.12 and runs, with a warning, on 20. */
export async function startIssuer({ tokenSeconds = 3600, ...settings }: IssuerSettings): Promise<Issuer> {
  const child = spawn(newerNode() ?? process.execPath, [path.join(__dirname, 'provider.mjs')], {
    env: { ...process.env, PROVIDER: JSON.stringify({ ...settings, tokenSeconds }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { issuer } = JSON.parse(line) as { issuer: string };
    return {
      issuer,
      jwksUrl: `${issuer}/jwks`,
      async approve(code, account = 'ann') {
        const response = await fetch(`${issuer}/approve?${new URLSearchParams({ code, account })}`);
        if (!response.ok) throw new Error(await response.text());
      },
      stop,
    };
  }
  await stop();
  throw new Error(`The provider has not started: ${said}`);
}
