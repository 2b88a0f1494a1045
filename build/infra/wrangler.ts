// `infra/live/edge/wrangler.jsonc`, generated from infra/edge.json and the objectives: for deploying the Worker with wrangler instead of Terraform.

import { type CellObjectives, OBJECTIVE_DEFAULTS } from '../../core/edge/monitor/objectives.ts';

/** The content of infra/edge.json. */
export interface EdgeDeclaration {
  readonly name: string;
  readonly hostname: string;
  readonly routes: readonly string[];
  readonly compatibilityDate: string;
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly operators: Readonly<Record<string, string>>;
  readonly quotas: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly forwardTimeoutMs: number;
  readonly monitor: Readonly<Record<string, number>>;
  /** How strictly endpoints of cells are guarded: `proofs` and `approvals`. */
  readonly trust: Readonly<Record<string, string>>;
  /** How operators sign in to the console; empty for none. */
  readonly console: Readonly<Record<string, string>>;
  /** Origins of pages that may call the API, and names of systems that may deliver events by webhook. */
  readonly crossOrigin: { readonly browsers: readonly string[]; readonly webhooks: readonly string[] };
  /** The collector that spans and metrics are exported to, none if it is empty, and the share of traces that are sampled. */
  readonly telemetry: { readonly endpoint: string; readonly share: number };
  /** Cron expression by which the monitor is woken. */
  readonly wakeMonitor: string;
  readonly migrations: readonly { readonly tag: string; readonly newSqliteClasses: readonly string[] }[];
}

const MADE = `// Made from infra/edge.json and infra/objectives.json by \`npx polycell cells scaffold edge\`. Deploy with
//   npx wrangler deploy --config infra/live/edge/wrangler.jsonc --var APP_VERSION:VERSION
// The private route key is no variable: npx wrangler secret put APP_ROUTE_KEY --config infra/live/edge/wrangler.jsonc
// Nor are the headers for a collector, if it needs any: put them as OTEL_EXPORTER_OTLP_HEADERS in the same way.
`;

/** The file's text. `objectives`: those of cells. The KV namespace has no id: wrangler finds this Worker's namespace, or creates it. */
export function wranglerConfig(edge: EdgeDeclaration, objectives: CellObjectives): string {
  const config = {
    $schema: '../../../node_modules/wrangler/config-schema.json',
    name: edge.name,
    main: '../../../dist/edge/http/index.mjs',
    no_bundle: true,
    compatibility_date: edge.compatibilityDate,
    workers_dev: false,
    preview_urls: false,
    routes: [
      { pattern: edge.hostname, custom_domain: true },
      ...edge.routes.map((pattern) => ({ pattern, zone_name: zoneOf(pattern) })),
    ],
    vars: {
      APP_VERSION: 'unversioned',
      APP_ISSUER: edge.issuer,
      APP_JWKS_URL: edge.jwksUrl,
      APP_OPERATORS: JSON.stringify(edge.operators),
      APP_DEVICE_CA: 'none',
      APP_QUOTAS: JSON.stringify(edge.quotas),
      APP_FORWARD_TIMEOUT_MS: String(edge.forwardTimeoutMs),
      APP_MONITOR: JSON.stringify(edge.monitor),
      APP_OBJECTIVES: JSON.stringify(objectives, Object.keys(OBJECTIVE_DEFAULTS)),
      APP_TRUST: JSON.stringify(edge.trust),
      APP_CONSOLE: JSON.stringify(edge.console),
      APP_CROSS_ORIGIN: JSON.stringify(edge.crossOrigin),
      OTEL_EXPORTER_OTLP_ENDPOINT: edge.telemetry.endpoint,
      OTEL_TRACES_SAMPLER_ARG: String(edge.telemetry.share),
    },
    assets: {
      directory: '../../../web',
      binding: 'ASSETS',
      html_handling: 'auto-trailing-slash',
      run_worker_first: true,
    },
    kv_namespaces: [{ binding: 'ROUTES' }],
    durable_objects: {
      bindings: [
        { name: 'DIRECTORY', class_name: 'DirectoryObject' },
        { name: 'MONITOR', class_name: 'MonitorObject' },
        { name: 'MOVER', class_name: 'MoverObject' },
      ],
    },
    migrations: edge.migrations.map(({ tag, newSqliteClasses }) => ({ tag, new_sqlite_classes: newSqliteClasses })),
    triggers: { crons: [edge.wakeMonitor] },
    observability: { enabled: true, head_sampling_rate: 1 },
  };
  return `${MADE}${JSON.stringify(config, null, 2)}\n`;
}

/** The zone of a pattern such as `api.example.com/v1/*`: its last two labels. */
const zoneOf = (pattern: string): string => (pattern.split('/')[0] ?? '').split('.').slice(-2).join('.');
