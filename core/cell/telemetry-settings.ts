// Where telemetry goes, read from the variables that OpenTelemetry names.
import type { Environment } from './settings.ts';

/** Where telemetry goes, and how much of it. */
export interface TelemetrySettings {
  /** Address of the collector; spans go to `/v1/traces` below it, metrics to `/v1/metrics`. */
  readonly endpoint: string;
  /** Headers of each request, such as a key; a secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** The share of traces that are sampled, 0 to 1. */
  readonly share: number;
}

/** OpenTelemetry's variables with their purpose; part of `docs/environment.md`. */
export const TELEMETRY_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'Address of the collector that takes OTLP/HTTP in JSON; without it, nothing is exported',
  OTEL_EXPORTER_OTLP_HEADERS:
    'Headers for the collector, as name=value with commas in between and values percent-encoded; a secret; optional',
  OTEL_TRACES_SAMPLER_ARG: 'The share of traces that are sampled, 0 to 1; needed with a collector',
} as const;

/** A name that HTTP allows for a header. */
const HEADER = /^[\w!#$%&'*+.^`|~-]+$/;

/** The settings; `undefined` without a collector. Messages never contain a header's value. */
export function readTelemetry(environment: Environment, problems: string[]): TelemetrySettings | undefined {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = '',
    OTEL_EXPORTER_OTLP_HEADERS: headers = '',
    OTEL_TRACES_SAMPLER_ARG: share = '',
  } = environment;
  if (endpoint === '') return undefined;
  if (!/^https?:\/\/[^\s?#]+$/.test(endpoint))
    problems.push(`OTEL_EXPORTER_OTLP_ENDPOINT is ${JSON.stringify(endpoint)}, which is no address of a collector`);
  if (!/^(?:0|1|[01]?\.\d+)$/.test(share) || Number(share) > 1)
    problems.push(`OTEL_TRACES_SAMPLER_ARG is ${JSON.stringify(share)}; it must be a share from 0 to 1`);
  return { endpoint: endpoint.replace(/\/+$/, ''), headers: readHeaders(headers, problems), share: Number(share) };
}

function readHeaders(text: string, problems: string[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [index, pair] of (text === '' ? [] : text.split(',')).entries()) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, at)).trim();
    const value = decoded(pair.slice(at + 1).trim());
    if (!HEADER.test(name) || value === undefined || /[^\t\u0020-\u007e]/.test(value))
      problems.push(`OTEL_EXPORTER_OTLP_HEADERS: number ${index + 1} of its headers is not name=value`);
    else headers[name.toLowerCase()] = value;
  }
  return headers;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
