// The part of oidc-provider that the test's provider uses; the package has no types of its own.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  interface DeviceCode {
    clientId: string;
    accountId: string;
    grantId: string;
    scope: string;
    resource: unknown;
    authTime: number;
    claims: object;
    readonly params: Readonly<Record<string, string | undefined>>;
    save(): Promise<string>;
  }

  interface Grant {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  interface Configuration {
    readonly clientBasedCORS: () => boolean;
    readonly interactions: { url(context: unknown, interaction: { readonly uid: string }): string };
    readonly findAccount: (context: unknown, id: string) => object;
    readonly issueRefreshToken: (
      context: unknown,
      client: { grantTypeAllowed(type: string): boolean },
      code: { readonly scopes: ReadonlySet<string> },
    ) => Promise<boolean>;
    readonly [setting: string]: unknown;
  }

  export default class Provider {
    constructor(issuer: string, configuration: Configuration);
    readonly DeviceCode: { findByUserCode(code: string): Promise<DeviceCode | undefined> };
    readonly Grant: new (of: {
      accountId: string;
      clientId: string;
    }) => Grant;
    interactionDetails(
      request: IncomingMessage,
      response: ServerResponse,
    ): Promise<{ readonly prompt: { readonly name: string }; readonly params: Readonly<Record<string, unknown>> }>;
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: object,
      options?: { readonly mergeWithLastSubmission: boolean },
    ): Promise<void>;
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
  }
}
