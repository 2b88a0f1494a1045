// Checks answers against the OpenAPI document of the application that gave them.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Route } from '../../core/api/route.ts';
import { edgeOpenApi } from '../../core/edge/router/edge-openapi.ts';
import { plainPath, routeMatcher } from '../../core/http/routes.ts';
import builtIn from '../../core/openapi.generated.json' with { type: 'json' };

export interface CheckedAnswer {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  /** The body as text; empty if there is none. */
  readonly body: string;
}

/** What contradicts the document in an answer; empty if nothing does. */
export type AnswerCheck = (answer: CheckedAnswer) => readonly string[];

/** A JSON value that is looked into by name. */
type Node = { readonly [name: string]: Node | undefined };

const pointer = (...names: readonly string[]): string =>
  names.map((name) => `/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/**
 * Objects take no member that the document does not mention, so that it mentions all of them. Events are left open: clients may add
 * to their data.
 */
function closed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(closed);
  const entries = Object.entries(value).map(([name, each]) => [name, name === 'CloudEvent' ? each : closed(each)]);
  const result = Object.fromEntries(entries) as Record<string, unknown>;
  const isOpen =
    result.type === 'object' && result.properties !== undefined && result.additionalProperties === undefined;
  return isOpen ? { ...result, additionalProperties: false } : result;
}

/** Returns a check against this document, as `openApiDocument` makes it. */
export function answerCheck(document: unknown): AnswerCheck {
  // Each file of tests compiles what it needs: what makes compiled code faster takes longer than all of its runs.
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false, code: { optimize: false } });
  addFormats(ajv);
  const strict = closed(JSON.parse(JSON.stringify(document))) as Node;
  ajv.addSchema(strict as object, 'openapi');
  const operations = Object.entries(strict.paths ?? {}).flatMap(([path, methods]) =>
    Object.keys(methods ?? {}).map((method) => [
      `${method} ${path}`,
      { path, method: method.toUpperCase() as Route['method'] },
    ]),
  );
  const table = Object.fromEntries(operations) as Record<string, Pick<Route, 'method' | 'path'>>;
  const match = routeMatcher(table);
  const compiled = new Map<string, ValidateFunction>();
  const validatorOf = (at: string): ValidateFunction => {
    const known = compiled.get(at) ?? ajv.compile({ $ref: `openapi#${at}` });
    compiled.set(at, known);
    return known;
  };

  return ({ method, path, status, contentType, body }) => {
    const found = match(method, path);
    // What is on no path has no entry in the document either.
    if ('allowed' in found) return [];
    const { path: template = '', method: verb = 'GET' } = table[found.name] ?? {};
    const responses = strict.paths?.[template]?.[verb.toLowerCase()]?.responses;
    const which = responses?.[status] === undefined ? 'default' : String(status);
    const where = `${method} ${template} ${status}`;
    if (which === 'default' && status < 400) return [`${where}: the document has no such answer.`];
    const content = responses?.[which]?.content;
    if (content === undefined) return body === '' ? [] : [`${where}: the document has no body.`];
    const media = contentType?.split(';')[0] ?? '';
    if (content[media] === undefined) return [`${where}: the document has no answer of type ${media}.`];
    if (method === 'HEAD' || (content[media]?.schema as unknown) === undefined) return [];
    const validate = validatorOf(
      pointer('paths', template, verb.toLowerCase(), 'responses', which, 'content', media, 'schema'),
    );
    if (validate(JSON.parse(body))) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${where}: ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

const checks = new Map<string, AnswerCheck>();

/** The check against the document of the built-in application, as cells or the edge serve it. */
function builtInCheck(by: 'cell' | 'edge'): AnswerCheck {
  const known = checks.get(by) ?? answerCheck(by === 'cell' ? builtIn : edgeOpenApi(builtIn));
  checks.set(by, known);
  return known;
}

/**
 * The answer of a deployed cell, or of the edge, unless it contradicts the document of the built-in application. What a platform answers
 * in place of a cell names no cell and passes.
 */
export async function conforming(
  url: string,
  init: RequestInit,
  response: Response,
  by: 'cell' | 'edge' = 'cell',
): Promise<Response> {
  if (!response.headers.has('x-polycell-cell')) return response;
  const faults = builtInCheck(by)({
    method: init.method ?? 'GET',
    path: plainPath(new URL(url).pathname),
    status: response.status,
    contentType: response.headers.get('content-type'),
    body: await response.clone().text(),
  });
  if (faults.length > 0) throw new Error(`The answer contradicts the OpenAPI document: ${faults.join('; ')}`);
  return response;
}
