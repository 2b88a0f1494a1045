// What the edge refuses to start with: every problem of its environment at once.
import { readEdgeConfig } from '../../../functions-edge/config.ts';
import objectives from '../../../infra/objectives.json' with { type: 'json' };
import { objectivesIn } from '../../../local/objectives.ts';
import { EDGE_KEY, publicPart } from '../../support/route-tokens.ts';

const quota = { perSecond: 100, burst: 200 };
const PEM = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----';
const environment = {
  APP_VERSION: '1.0.0',
  APP_ROUTE_KEY: JSON.stringify(EDGE_KEY),
  APP_ISSUER: 'https://issuer.example',
  APP_JWKS_URL: 'https://issuer.example/keys',
  APP_DEVICE_CA: `${PEM}\n${PEM}`,
  APP_QUOTAS: JSON.stringify({ standard: quota, premium: quota }),
  APP_CONSOLE: '{}',
  APP_CROSS_ORIGIN: '{}',
  APP_FORWARD_TIMEOUT_MS: '10000',
  APP_MONITOR: '{}',
  APP_TRUST: '{}',
  APP_OPERATORS: '{}',
};

test('a complete environment is read; bindings of the platform are none of its variables', () => {
  expect(readEdgeConfig({ ...environment, DIRECTORY: 'x' })).toMatchObject({
    version: '1.0.0',
    routeKey: EDGE_KEY,
    issuer: 'https://issuer.example',
    jwksUrl: 'https://issuer.example/keys',
    deviceCa: [PEM, PEM],
    quotas: { standard: quota, premium: quota },
    forwardMs: 10_000,
    trust: { proofs: 'required', approvals: 'none' },
    monitor: {
      intervalMs: 1000,
      urgentMs: 500,
      timeoutMs: 1000,
      failures: 5,
      silenceMs: 3000,
      window: 20,
      recoveries: 3,
      graceMs: 60_000,
    },
  });
  expect(readEdgeConfig({ ...environment, APP_DEVICE_CA: 'none' }).deviceCa).toEqual([]);
});

test('objectives are read; without the variable they are those of the repository’s file', () => {
  const read = (value: string | undefined) =>
    readEdgeConfig({ ...environment, ...(value !== undefined && { APP_OBJECTIVES: value }) }).objectives;
  expect(read(undefined)).toEqual(objectivesIn(objectives));
  expect(read('')).toEqual(read(undefined));
  expect(read('{}')).toEqual({
    availability: 0.999,
    windowDays: 30,
    stateSeconds: 10,
    lagSeconds: 30,
    rpoSeconds: 7200,
  });
  expect(read('{"availability":0.99,"windowDays":7}')).toMatchObject({
    availability: 0.99,
    windowDays: 7,
    lagSeconds: 30,
  });
  expect(() => read('{')).toThrow('APP_OBJECTIVES is not JSON');
  for (const wrong of ['[]', '"x"', '{"rtoSeconds":60}'])
    expect(() => read(wrong)).toThrow(
      'APP_OBJECTIVES must be an object of availability, windowDays, stateSeconds, lagSeconds, rpoSeconds, each of which may be left out',
    );
  expect(() => read('{"availability":1,"windowDays":0.5,"lagSeconds":"30"}')).toThrow(
    'APP_OBJECTIVES: availability must be a number above 0 and below 1, not 1.; APP_OBJECTIVES: windowDays must be a whole number from 1 to 92, not 0.5.; APP_OBJECTIVES: lagSeconds must be a number above 0 and at most 31536000, not "30".',
  );
});

test('a local stack takes the objectives of the file, and says what is wrong with it', () => {
  expect(objectivesIn({ cells: { ...objectives.cells, availability: 0.9 } })).toEqual({
    availability: 0.9,
    windowDays: 30,
    stateSeconds: 10,
    lagSeconds: 30,
    rpoSeconds: 7200,
  });
  expect(objectivesIn({ alarms: {} })).toEqual(objectivesIn(objectives));
  expect(() => objectivesIn({ cells: { windowDays: 0 } })).toThrow(
    'infra/objectives.json: cells: windowDays must be a whole number from 1 to 92, not 0.',
  );
});

test('origins of pages and names of webhook senders are read', () => {
  const read = (value: unknown) =>
    readEdgeConfig({ ...environment, APP_CROSS_ORIGIN: JSON.stringify(value) }).crossOrigin;
  expect(read({})).toEqual({ browsers: [], webhooks: [] });
  const both = { browsers: ['https://app.example', 'http://localhost:3000'], webhooks: ['eventgrid.azure.net', '*'] };
  expect(read(both)).toEqual(both);
  for (const wrong of [
    [],
    { pages: [] },
    { browsers: 'https://app.example' },
    { browsers: ['https://app.example/'] },
    { browsers: ['https://App.example'] },
    { browsers: ['https://app.example:443'] },
    { browsers: ['app.example'] },
    { browsers: ['null'] },
    { browsers: Array.from({ length: 65 }, (_, index) => `https://${index}.example`) },
    { webhooks: ['https://events.example'] },
    { webhooks: [1] },
  ])
    expect(() => read(wrong)).toThrow('APP_CROSS_ORIGIN must be an object of browsers');
});

test('an issuer of operators’ tokens is read, or that of tenants is theirs', () => {
  const read = (value: unknown) => readEdgeConfig({ ...environment, APP_OPERATORS: JSON.stringify(value) }).operators;
  expect(read({})).toBeUndefined();
  const least = { issuer: 'https://login.example/v2.0', jwksUrl: 'https://login.example/keys' };
  expect(read(least)).toEqual({ ...least, audience: 'polycell-control', subject: 'sub' });
  const all = { ...least, audience: '6b1d', subject: 'oid' };
  expect(read(all)).toEqual(all);
  for (const wrong of [
    [],
    'x',
    { issuer: least.issuer },
    { jwksUrl: least.jwksUrl },
    { ...least, issuer: '' },
    { ...least, jwksUrl: 'login.example' },
    { ...least, audience: 'polycell' },
    { ...least, subject: 7 },
    { ...least, scope: 'x' },
  ])
    expect(() => read(wrong)).toThrow('APP_OPERATORS must be an object of issuer, jwksUrl');
});

test('an empty environment is refused with everything that it lacks', () => {
  for (const name of Object.keys(environment))
    expect(() => readEdgeConfig({})).toThrow(new RegExp(`^The environment is not complete: .*\\b${name} is not set`));
});

test.each([
  ['APP_ROUTE_KEY', 'no JSON', 'APP_ROUTE_KEY is not JSON'],
  ['APP_ROUTE_KEY', JSON.stringify(publicPart(EDGE_KEY)), 'APP_ROUTE_KEY must be a private Ed25519 key'],
  ['APP_JWKS_URL', 'ftp://x', 'APP_JWKS_URL is "ftp://x", which is no address'],
  ['APP_DEVICE_CA', 'a file', 'APP_DEVICE_CA must be one to 4 certificates as PEM, or none'],
  ['APP_DEVICE_CA', PEM.repeat(5), 'APP_DEVICE_CA must be one to 4 certificates as PEM, or none'],
  ['APP_QUOTAS', '{}', 'APP_QUOTAS must have for each of standard, premium'],
  ['APP_QUOTAS', JSON.stringify({ standard: quota, premium: { ...quota, perSecond: 0 } }), 'APP_QUOTAS must have'],
  ['APP_QUOTAS', JSON.stringify({ standard: quota, premium: { ...quota, burst: 0.5 } }), 'APP_QUOTAS must have'],
  ['APP_QUOTAS', JSON.stringify({ standard: quota, premium: { ...quota, burstBytes: 0 } }), 'APP_QUOTAS must have'],
  ['APP_QUOTAS', JSON.stringify({ standard: quota, premium: { ...quota, bytes: 9 } }), 'APP_QUOTAS must have'],
  ['APP_FORWARD_TIMEOUT_MS', '99', 'APP_FORWARD_TIMEOUT_MS is "99"; it must be 100 to 60000'],
  ['APP_FORWARD_TIMEOUT_MS', '1s', 'APP_FORWARD_TIMEOUT_MS is "1s"'],
  ['APP_MONITOR', '[]', 'APP_MONITOR must be an object of intervalMs, urgentMs, timeoutMs, failures'],
  ['APP_MONITOR', '{"interval": 1000}', 'APP_MONITOR must be an object of intervalMs, urgentMs, timeoutMs, failures'],
  ['APP_MONITOR', '{"intervalMs": 249}', 'APP_MONITOR: intervalMs must be a whole number from 250 to 60000, not 249'],
  ['APP_MONITOR', '{"window": 2}', 'APP_MONITOR: failures (5) must not be more than window (2)'],
  ['APP_MONITOR', 'fast', 'APP_MONITOR is not JSON'],
  ['APP_TRUST', '{"proofs": "no"}', 'APP_TRUST must be an object of proofs (required or optional)'],
  ['APP_TRUST', '{"approvals": true}', 'APP_TRUST must be an object'],
  ['APP_TRUST', '{"proof": "required"}', 'APP_TRUST must be an object'],
  ['APP_TRUST', '[]', 'APP_TRUST must be an object'],
  ['APP_FORWARD_TIMOUT_MS', '1', 'APP_FORWARD_TIMOUT_MS is not a variable of this function'],
])('%s as %s is refused', (name, value, expected) => {
  expect(() => readEdgeConfig({ ...environment, [name]: value })).toThrow(expected);
});

test('settings of the monitor that are given replace the usual ones', () => {
  const { monitor } = readEdgeConfig({ ...environment, APP_MONITOR: '{"intervalMs": 2000, "graceMs": 0}' });
  expect(monitor).toMatchObject({ intervalMs: 2000, timeoutMs: 1000, graceMs: 0 });
});

test('the key is not disclosed', () => {
  const key = { ...EDGE_KEY, kty: 'EC' };
  expect(() => readEdgeConfig({ ...environment, APP_ROUTE_KEY: JSON.stringify(key) })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining(EDGE_KEY.d) }),
  );
});

test('how operators sign in to the console is read, or that there is none', () => {
  const read = (value: unknown) => readEdgeConfig({ ...environment, APP_CONSOLE: JSON.stringify(value) }).console;
  expect(read({})).toBe(undefined);
  const whole = {
    clientId: 'console',
    authorizationUrl: 'https://issuer.example/authorize',
    tokenUrl: 'https://issuer.example/token',
  };
  expect(read(whole)).toEqual({
    ...whole,
    scope: 'openid control.read control.write tenants.read tenants.operate',
  });
  expect(read({ ...whole, scope: 'openid', resource: 'urn:edge' })).toMatchObject({
    scope: 'openid',
    resource: 'urn:edge',
  });
  for (const wrong of [
    [],
    { clientId: 'console' },
    { ...whole, tokenUrl: 'token' },
    { ...whole, secret: 'x' },
    { ...whole, scope: '' },
  ])
    expect(() => read(wrong)).toThrow('APP_CONSOLE must be an object of clientId');
});
