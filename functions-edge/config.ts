// The configuration of the edge: validates the whole environment at startup, and reports all problems together.

import { isPrivateKey } from '../core/cell/jws.ts';
import { type Environment, type Get, readSettings } from '../core/cell/settings.ts';
import { readTelemetry, TELEMETRY_VARIABLES, type TelemetrySettings } from '../core/cell/telemetry-settings.ts';
import type { ConsoleSettings } from '../core/edge/console.ts';
import { TRUST_DEFAULTS, type TrustSettings } from '../core/edge/control/endpoint-guard.ts';
import {
  MONITOR_BOUNDS,
  MONITOR_DEFAULTS,
  type MonitorSettings,
  settingsFaults,
} from '../core/edge/monitor/monitor-settings.ts';
import { type CellObjectives, OBJECTIVE_DEFAULTS, objectiveFaults } from '../core/edge/monitor/objectives.ts';
import { TIERS } from '../core/edge/ports/directory-model.ts';
import { CROSS_ORIGIN_LIMITS, type CrossOriginRules, isOrigin } from '../core/edge/router/cross-origin.ts';
import type { QuotaRule, QuotaRules } from '../core/edge/router/quota.ts';
import { isJsonObject, type Json } from '../core/ports/json.ts';
import type { PrivateKey } from '../core/ports/keys.ts';

export interface EdgeConfig {
  readonly version: string;
  /** Where telemetry goes; nowhere without it. */
  readonly telemetry: TelemetrySettings | undefined;
  /** The key that signs route tokens. */
  readonly routeKey: PrivateKey;
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Who signs operators' tokens, and how; the issuer above if `undefined`. */
  readonly operators: OperatorIssuer | undefined;
  /** Certificates of the authorities that sign devices' certificates, as PEM; empty if devices cannot connect with certificates. */
  readonly deviceCa: readonly string[];
  readonly quotas: QuotaRules;
  readonly forwardMs: number;
  readonly monitor: MonitorSettings;
  readonly objectives: CellObjectives;
  readonly trust: TrustSettings;
  /** How operators sign in to the console; there is none if `undefined`. */
  readonly console: ConsoleSettings | undefined;
  readonly crossOrigin: Omit<CrossOriginRules, 'webhookRate'>;
}

/** An issuer of operators' tokens. */
export interface OperatorIssuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly audience: string;
  /** The claim that names the operator in the audit log. */
  readonly subject: string;
}

/** Our own variables with their purpose; `docs/environment.md` is generated from this. */
export const VARIABLES = {
  APP_VERSION: 'Version of the deployment, reported by the health check',
  APP_ROUTE_KEY: 'Private Ed25519 key (JWK with kid) with which route tokens are signed; a secret',
  APP_ISSUER: 'Issuer of the tokens of tenants and operators: their claim iss',
  APP_JWKS_URL: 'Address of the issuer’s public keys (a JWK set)',
  APP_OPERATORS:
    'JSON: the issuer of operators’ tokens, as {"issuer", "jwksUrl", "audience", "subject"}; the audience is polycell-control and the claim that names the operator sub unless given; `{}` is the issuer of tenants’ tokens',
  APP_DEVICE_CA: 'PEM of one to four certificates of authorities that sign devices’ certificates, or none',
  APP_QUOTAS:
    'JSON: for each tier (standard, premium) the requests that a tenant may send to one isolate, as {"perSecond", "burst"}, and the bytes of their bodies, "bytesPerSecond" and "burstBytes", 32 KiB for each request unless given',
  APP_FORWARD_TIMEOUT_MS: 'Milliseconds that a cell may take until its answer begins; 100 to 60,000',
  APP_MONITOR:
    'JSON: how cells are probed, as {"intervalMs", "timeoutMs", "urgentMs", "failures", "silenceMs", "window", "recoveries", "graceMs"}; `{}` takes the defaults',
  APP_OBJECTIVES:
    'JSON: what error budgets of cells are judged by, as {"availability", "windowDays", "stateSeconds", "lagSeconds", "rpoSeconds"}, those of `cells` in infra/objectives.json; what is left out, or all without the variable, is as in that file of the repository',
  APP_TRUST:
    'JSON: {"proofs": "required" or "optional": whether a cell must be declared with keys and prove its identity; "approvals": "none" or "endpoints": whether a second operator must approve a new endpoint or key}; `{}` takes the first of each',
  APP_CONSOLE:
    'JSON: how operators sign in to the console in the browser, as {"clientId", "authorizationUrl", "tokenUrl", "scope", "resource"}: a public client of the operators’ issuer with the code flow and PKCE, whose redirect address is that of the edge with /console/; the scope is that of the control API unless given, and resource may be left out; `{}`: no console',
  APP_CROSS_ORIGIN:
    'JSON: {"browsers": origins of pages that may call the API, "webhooks": names of systems that may deliver events}, each a list or absent; "*" allows all',
} as const;

/** Bindings of the platform; part of the same document. */
export const PLATFORM_VARIABLES = {
  ASSETS: 'The console’s files, as static assets of the Worker',
  ROUTES: 'KV namespace: the read cache of the directory, and the list of revoked certificates',
  DIRECTORY: 'Durable Object namespace of the class DirectoryObject',
  MONITOR: 'Durable Object namespace of the class MonitorObject',
  MOVER: 'Durable Object namespace of the class MoverObject',
  ...TELEMETRY_VARIABLES,
} as const;

const MAXIMUM_AUTHORITIES = 4;
const FORWARD_MS = { from: 100, to: 60_000 } as const;

/** The configuration of the Worker. Throws a `ConfigError`. */
export function readEdgeConfig(environment: Environment): EdgeConfig {
  return readSettings(environment, VARIABLES, (get, problems) => ({
    version: get('APP_VERSION'),
    telemetry: readTelemetry(environment, problems),
    routeKey: readRouteKey(get, problems),
    issuer: get('APP_ISSUER'),
    jwksUrl: readUrl('APP_JWKS_URL', get, problems),
    operators: readOperators(get, problems),
    deviceCa: readDeviceCa(get, problems),
    quotas: readQuotas(get, problems),
    forwardMs: readForwardMs(get, problems),
    monitor: readMonitor(get, problems),
    objectives: readObjectives(environment, problems),
    trust: readTrust(get, problems),
    console: readConsole(get, problems),
    crossOrigin: readCrossOrigin(get, problems),
  }));
}

const NO_KEY: PrivateKey = { kty: 'OKP', crv: 'Ed25519', kid: '', x: '', d: '' };

function readRouteKey(get: Get, problems: string[]): PrivateKey {
  const key = readJson('APP_ROUTE_KEY', get, problems);
  if (key === undefined) return NO_KEY;
  if (isPrivateKey(key)) return key;
  // The message does not contain the key.
  problems.push('APP_ROUTE_KEY must be a private Ed25519 key as a JSON Web Key, with kty, crv, kid, x and d');
  return NO_KEY;
}

const isAddress = (text: string): boolean => /^https?:\/\/[^\s]+$/.test(text);

function readUrl(name: string, get: Get, problems: string[]): string {
  const text = get(name);
  if (text !== '' && !isAddress(text)) problems.push(`${name} is ${JSON.stringify(text)}, which is no address`);
  return text;
}

function readDeviceCa(get: Get, problems: string[]): readonly string[] {
  const text = get('APP_DEVICE_CA');
  if (text === '' || text === 'none') return [];
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length < 1 || certificates.length > MAXIMUM_AUTHORITIES)
    problems.push(`APP_DEVICE_CA must be one to ${MAXIMUM_AUTHORITIES} certificates as PEM, or none`);
  return certificates;
}

function readQuotas(get: Get, problems: string[]): QuotaRules {
  const read = readJson('APP_QUOTAS', get, problems);
  const none: QuotaRules = { standard: { perSecond: 1, burst: 1 }, premium: { perSecond: 1, burst: 1 } };
  if (read === undefined) return none;
  if (isJsonObject(read) && Object.keys(read).length === TIERS.length && TIERS.every((tier) => isRule(read[tier])))
    return read as unknown as QuotaRules;
  problems.push(
    `APP_QUOTAS must have for each of ${TIERS.join(', ')} the numbers perSecond (above 0) and burst (from 1); bytesPerSecond and burstBytes (above 0) may be given`,
  );
  return none;
}

const isRule = (rule: unknown): rule is QuotaRule =>
  isJsonObject(rule) &&
  Object.keys(rule).every((key) => ['perSecond', 'burst', 'bytesPerSecond', 'burstBytes'].includes(key)) &&
  [rule.bytesPerSecond, rule.burstBytes].every((bytes = 1) => typeof bytes === 'number' && bytes > 0) &&
  typeof rule.perSecond === 'number' &&
  rule.perSecond > 0 &&
  typeof rule.burst === 'number' &&
  rule.burst >= 1;

function readForwardMs(get: Get, problems: string[]): number {
  const text = get('APP_FORWARD_TIMEOUT_MS');
  const value = Number(text);
  if (text !== '' && !(Number.isInteger(value) && value >= FORWARD_MS.from && value <= FORWARD_MS.to))
    problems.push(
      `APP_FORWARD_TIMEOUT_MS is ${JSON.stringify(text)}; it must be ${FORWARD_MS.from} to ${FORWARD_MS.to}`,
    );
  return value;
}

function readMonitor(get: Get, problems: string[]): MonitorSettings {
  const read = readJson('APP_MONITOR', get, problems) ?? {};
  const unknown = isJsonObject(read) ? Object.keys(read).find((name) => !Object.hasOwn(MONITOR_BOUNDS, name)) : '';
  if (unknown !== undefined) {
    problems.push(
      `APP_MONITOR must be an object of ${Object.keys(MONITOR_BOUNDS).join(', ')}, each of which may be left out`,
    );
    return MONITOR_DEFAULTS;
  }
  const settings = { ...MONITOR_DEFAULTS, ...(read as object) };
  problems.push(...settingsFaults(settings).map((fault) => `APP_MONITOR: ${fault}`));
  return settings;
}

/** Unlike others it may be missing: an edge with the variables of an earlier release starts. */
function readObjectives(environment: Environment, problems: string[]): CellObjectives {
  const read = readJson('APP_OBJECTIVES', (name) => environment[name] ?? '', problems) ?? {};
  const isKnown = isJsonObject(read) && Object.keys(read).every((name) => Object.hasOwn(OBJECTIVE_DEFAULTS, name));
  if (!isKnown) {
    problems.push(
      `APP_OBJECTIVES must be an object of ${Object.keys(OBJECTIVE_DEFAULTS).join(', ')}, each of which may be left out`,
    );
    return OBJECTIVE_DEFAULTS;
  }
  const objectives = { ...OBJECTIVE_DEFAULTS, ...(read as object) };
  problems.push(...objectiveFaults(objectives).map((fault) => `APP_OBJECTIVES: ${fault}`));
  return objectives;
}

function readTrust(get: Get, problems: string[]): TrustSettings {
  const read = readJson('APP_TRUST', get, problems) ?? {};
  const {
    proofs = TRUST_DEFAULTS.proofs,
    approvals = TRUST_DEFAULTS.approvals,
    ...others
  } = isJsonObject(read) ? read : { others: read };
  if (Object.keys(others).length === 0 && isOneOf(proofs, PROOFS) && isOneOf(approvals, APPROVALS))
    return { proofs, approvals };
  problems.push('APP_TRUST must be an object of proofs (required or optional) and approvals (none or endpoints)');
  return TRUST_DEFAULTS;
}

/** The audience of tenants' tokens. Operators' must differ, so that neither can be used as the other. */
export const TENANTS_AUDIENCE = 'polycell';

/** The audience of operators' tokens unless their issuer has another one. */
export const OPERATORS_AUDIENCE = 'polycell-control';

function readOperators(get: Get, problems: string[]): OperatorIssuer | undefined {
  const read = readJson('APP_OPERATORS', get, problems) ?? {};
  if (isJsonObject(read) && Object.keys(read).length === 0) return undefined;
  const {
    issuer,
    jwksUrl,
    audience = OPERATORS_AUDIENCE,
    subject = 'sub',
    ...others
  } = isJsonObject(read) ? read : { others: read };
  const isComplete = isText(issuer) && isText(jwksUrl) && isText(audience) && isText(subject);
  if (isComplete && isAddress(jwksUrl) && audience !== TENANTS_AUDIENCE && Object.keys(others).length === 0)
    return { issuer, jwksUrl, audience, subject };
  problems.push(
    `APP_OPERATORS must be an object of issuer, jwksUrl (an address) and, if they differ, audience (not ${TENANTS_AUDIENCE}) and subject`,
  );
  return undefined;
}

/** What the console asks the issuer for unless the deployment says otherwise. */
const CONSOLE_SCOPE = 'openid control.read control.write tenants.read tenants.operate';

function readConsole(get: Get, problems: string[]): ConsoleSettings | undefined {
  const read = readJson('APP_CONSOLE', get, problems) ?? {};
  if (isJsonObject(read) && Object.keys(read).length === 0) return undefined;
  const {
    clientId,
    authorizationUrl,
    tokenUrl,
    scope = CONSOLE_SCOPE,
    resource,
    ...others
  } = isJsonObject(read) ? read : { others: read };
  const isComplete = isText(clientId) && isText(authorizationUrl) && isText(tokenUrl) && isText(scope);
  const isValid = isComplete && [authorizationUrl, tokenUrl].every((url) => isAddress(url) && URL.canParse(url));
  if (isValid && (resource === undefined || isText(resource)) && Object.keys(others).length === 0)
    return { clientId, authorizationUrl, tokenUrl, scope, ...(resource !== undefined && { resource }) };
  problems.push(
    'APP_CONSOLE must be an object of clientId, authorizationUrl and tokenUrl (addresses) and, if wanted, scope and resource',
  );
  return undefined;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const PROOFS = ['required', 'optional'] as const;
const APPROVALS = ['none', 'endpoints'] as const;

const isOneOf = <T extends string>(value: unknown, values: readonly T[]): value is T =>
  (values as readonly unknown[]).includes(value);

function readCrossOrigin(get: Get, problems: string[]): EdgeConfig['crossOrigin'] {
  const read = readJson('APP_CROSS_ORIGIN', get, problems) ?? {};
  const { browsers = [], webhooks = [], ...others } = isJsonObject(read) ? read : { others: read };
  if (Object.keys(others).length > 0 || !isListOf(browsers, isOrigin) || !isListOf(webhooks, isHostName)) {
    problems.push(
      `APP_CROSS_ORIGIN must be an object of browsers (origins such as "https://app.example") and webhooks (names such as "events.example"), lists of at most ${CROSS_ORIGIN_LIMITS.entries} entries or "*"`,
    );
    return { browsers: [], webhooks: [] };
  }
  return { browsers, webhooks };
}

const isListOf = (value: unknown, isOne: (entry: string) => boolean): value is readonly string[] =>
  Array.isArray(value) &&
  value.length <= CROSS_ORIGIN_LIMITS.entries &&
  value.every((entry) => typeof entry === 'string' && (entry === '*' || isOne(entry)));

const isHostName = (text: string): boolean => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text);

function readJson(name: string, get: Get, problems: string[]): Json | undefined {
  const text = get(name);
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problems.push(`${name} is not JSON`);
    return undefined;
  }
}
