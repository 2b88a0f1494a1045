// An OpenID provider as a process of its own, with a key of its own: `node provider.mjs` with its settings as JSON in PROVIDER.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

/** @type {{ alg: 'Ed25519' | 'RS256', resource: string, scopes: string, tokenSeconds: number }} */
const settings = JSON.parse(process.env.PROVIDER ?? '{}');

const { privateKey } =
  settings.alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519');
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'provider-1', alg: settings.alg, use: 'sig' };

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [key] },
    cookies: { keys: ['a test'] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'Ed25519'] },
    clientDefaults: { id_token_signed_response_alg: settings.alg },
    clients: [
      {
        client_id: 'polycell-cli',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'polycell-console',
        // A native client’s address on loopback is taken with any port.
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['http://127.0.0.1/console/'],
        response_types: ['code'],
      },
    ],
    scopes: ['openid', 'offline_access', ...settings.scopes.split(' ')],
    clientBasedCORS: () => true,
    interactions: { url: (_context, { uid }) => `/sign-in/${uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    ttl: { AccessToken: settings.tokenSeconds, DeviceCode: 600, RefreshToken: 3600, Grant: 3600, IdToken: 600 },
    issueRefreshToken: async (_context, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: settings.scopes,
          audience: settings.resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: settings.tokenSeconds,
          jwt: { sign: { alg: settings.alg } },
        }),
      },
    },
  });
  const handle = provider.callback();

  /**
   * Stands for the pages on which a user enters the code and agrees: grants what the code asks for.
   * @param {string} userCode @param {string} account
   */
  const approve = async (userCode, account) => {
    const code = await provider.DeviceCode.findByUserCode(userCode.replace(/[^A-Z0-9]/gi, ''));
    if (code === undefined) throw new Error('There is no such code.');
    const grant = new provider.Grant({ accountId: account, clientId: code.clientId });
    const scope = String(code.params.scope ?? '');
    grant.addOIDCScope(scope);
    grant.addResourceScope(settings.resource, settings.scopes);
    code.grantId = await grant.save();
    code.accountId = account;
    code.scope = scope;
    code.resource = code.params.resource;
    code.authTime = Math.floor(Date.now() / 1000);
    code.claims = {};
    await code.save();
  };

  /**
   * The user says yes to whatever is asked: who it is, and what the client may do.
   * @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response
   */
  const signIn = async (request, response) => {
    const { prompt, params } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') {
      await provider.interactionFinished(request, response, { login: { accountId: 'ann' } });
      return;
    }
    const grant = new provider.Grant({ accountId: 'ann', clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope));
    grant.addResourceScope(settings.resource, String(params.scope));
    const consent = { grantId: await grant.save() };
    await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  };

  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    if (url.pathname.startsWith('/sign-in/')) {
      signIn(request, response).catch((error) => response.writeHead(500).end(String(error)));
      return;
    }
    if (url.pathname !== '/approve') {
      handle(request, response);
      return;
    }
    approve(url.searchParams.get('code') ?? '', url.searchParams.get('account') ?? 'ann').then(
      () => response.end('{}'),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
