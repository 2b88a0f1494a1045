// The defences that `npm run threats` removes one at a time, each by a change of one piece of text, and the test that must fail then.

export interface Mutation {
  /** Id of the threat in docs/threat-model.md. */
  readonly threat: string;
  /** The file with the defence. */
  readonly file: string;
  /** What is there once, and what takes its place. */
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    threat: 'C1',
    file: 'adapters/cloudflare/jwt-credentials.ts',
    find: 'const algorithms = kinds.flatMap((kind) => ALGORITHMS[kind]);',
    replace: "const algorithms = [...kinds.flatMap((kind) => ALGORITHMS[kind]), 'HS256'];",
  },
  {
    threat: 'C2',
    file: 'core/edge/router/router.ts',
    find: 'if (claimed !== null && claimed !== tenant)',
    replace: "if (claimed === '')",
  },
  {
    threat: 'C5',
    file: 'core/edge/router/forwarded-headers.ts',
    find: 'RESERVED.test(name) || ',
    replace: '',
  },
  {
    threat: 'C7',
    file: 'core/edge/router/router.ts',
    find: 'if (taken.wait > 0) throw exceeded(taken);',
    replace: '',
  },
  { threat: 'C8', file: 'core/edge/router/forward.ts', find: 'perOwner: perTenant,', replace: '' },
  {
    threat: 'C9',
    file: 'core/http/body.ts',
    find: 'bounded(inflate(coding, sent), limit)',
    replace: 'inflate(coding, sent)',
  },
  {
    threat: 'C11',
    file: 'core/http/cell-api.ts',
    find: 'return internalError();',
    replace: "return new Refusal('internal_error', String(error));",
  },
  {
    threat: 'C14',
    file: 'core/edge/router/router.ts',
    find: " && asked.take(caller.tenant, 'standard').wait === 0",
    replace: '',
  },
  {
    threat: 'C15',
    file: 'adapters/azure/functions-http.ts',
    find: 'Promise.race([reader.read(), late])',
    replace: 'reader.read()',
  },
  { threat: 'E2', file: 'core/cell/route-token.ts', find: 'if (cell !== own)', replace: "if (cell === '')" },
  {
    threat: 'E3',
    file: 'core/cell/route-token.ts',
    find: 'return endpoints.includes(endpoint) ?',
    replace: 'return endpoints.length > 0 ?',
  },
  {
    threat: 'E4',
    file: 'core/cell/route-token.ts',
    find: 'if (claims.expiresAt <= now - ROUTE_TOKEN_LIMITS.skewSeconds)',
    replace: 'if (claims.expiresAt <= 0)',
  },
  { threat: 'E5', file: 'core/http/cell-api.ts', find: 'if (!scopes.includes(scope))', replace: 'if (scope === null)' },
  { threat: 'E6', file: 'core/http/cell-api.ts', find: "if (known.status === 'stale')", replace: 'if (epoch < 0)' },
  {
    threat: 'E7',
    file: 'core/cell/health-probe.ts',
    find: 'if (fault !== undefined) return',
    replace: "if (fault === '') return",
  },
  {
    threat: 'D1',
    file: 'core/cell/identity-proof.ts',
    find: ' || !payload.aud.includes(endpoint)',
    replace: '',
  },
  { threat: 'D2', file: 'core/cell/identity-proof.ts', find: ' || payload.nonce !== nonce', replace: '' },
  {
    threat: 'D3',
    file: 'core/edge/directory/directory-cells.ts',
    find: "throw refused('endpoint_unproved',",
    replace: "refused('endpoint_unproved',",
  },
  { threat: 'D4', file: 'core/edge/router/route-memory.ts', find: ' && this.#isTrusted(cell)', replace: '' },
  {
    threat: 'K1',
    file: 'core/pipeline/parking.ts',
    find: 'export function parkedKeys(id: string, tenant: string): readonly Key[] {',
    replace: "export function parkedKeys(id: string, tenant: string): readonly Key[] {\n  tenant = 'acme';",
  },
  { threat: 'K2', file: 'core/http/cursor.ts', find: ' || !text.startsWith(print)', replace: '' },
  { threat: 'K4', file: 'core/http/body.ts', find: 'if (length > limit) throw tooLarge(limit);', replace: '' },
  {
    threat: 'K5',
    file: 'core/cell/identity-proof.ts',
    find: "NONCE_PATTERN = '^[0-9a-f]{32}$'",
    replace: "NONCE_PATTERN = '^.*$'",
  },
  {
    threat: 'K16',
    file: 'core/replication/held-assignments.ts',
    find: 'const newest = before !== undefined && !outranks(offered, before) ? before.assignment : given;',
    replace: 'const newest = given;',
  },
  {
    threat: 'K17',
    file: 'core/pipeline/receipt-states.ts',
    find: 'await named.claim(tenant, some, sender);',
    replace: 'await named.claim(tenant, some, OPERATOR);',
  },
  {
    threat: 'B1',
    file: 'core/pipeline/consume.ts',
    find: 'return park(message, describeError(last), stackOf(last));',
    replace: 'return retryAfter(last);',
  },
  {
    threat: 'B3',
    file: 'core/pipeline/claiming-consumer.ts',
    find: "expected: 'absent',",
    replace: "expected: 'any',",
  },
  {
    threat: 'O1',
    file: 'core/edge/control/control-api.ts',
    find: 'if (scope !== null && !operator.scopes.includes(scope))',
    replace: 'if (scope === undefined)',
  },
  {
    threat: 'O2',
    file: 'core/edge/control/control-api.ts',
    find: "if (!operator.scopes.includes('control.endpoints'))",
    replace: 'if (operator.scopes.length === 0)',
  },
  {
    threat: 'O3',
    file: 'core/edge/directory/directory.ts',
    find: 'if (proposal.actor === actor)',
    replace: "if (proposal.actor === '')",
  },
  { threat: 'O4', file: 'core/edge/directory/proposals.ts', find: ' || expiresAt <= now', replace: '' },
  {
    threat: 'O5',
    file: 'core/edge/control/control-api.ts',
    find: 'if (operator.subject === MONITOR)',
    replace: "if (operator.subject === '')",
  },
  {
    threat: 'O7',
    file: 'core/edge/directory/directory.ts',
    find: 'if (open.length >= PROPOSAL_LIMITS.waiting)',
    replace: 'if (open.length < 0)',
  },
  {
    threat: 'O8',
    file: 'core/edge/router/authenticate.ts',
    find: 'filter((scope) => given.includes(scope))',
    replace: 'filter(() => true)',
  },
  {
    threat: 'O10',
    file: 'core/http/operations.ts',
    find: 'return mayRead ? page',
    replace: 'return page !== undefined ? page',
  },
  {
    threat: 'O11',
    file: 'core/edge/console.ts',
    find: '"script-src \'self\'",',
    replace: "\"script-src 'self' 'unsafe-inline'\",",
  },
];
