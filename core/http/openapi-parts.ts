// Building blocks of OpenAPI documents: common schemas, and paths generated from a table of routes.
import type { Route } from '../api/route.ts';
import { object, text } from '../api/schema.ts';

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

export const content = (schema: unknown, type = 'application/json') => ({ [type]: { schema } });

export const answer = (description: string, schema?: unknown) =>
  schema === undefined ? { description } : { description, content: content(schema) };

/** The schema of problems with these codes. */
export const problemSchema = (codes: readonly string[]) =>
  object(['type', 'title', 'status', 'detail', 'code', 'errors'], {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { type: 'string', enum: codes },
    errors: { type: 'array', items: object(['detail'], { pointer: text, parameter: text, detail: text }) },
  });

/** A route's answers on success, its body, and the headers that it reads. */
export interface Specifics {
  readonly responses: Record<string, unknown>;
  readonly inHeader?: readonly object[];
  readonly requestBody?: unknown;
}

/** The paths of a table of routes; `security` names the scheme of their scopes. */
export function describePaths<Name extends string>(
  routes: Readonly<Record<Name, Route<string>>>,
  specifics: Readonly<Record<Name, Specifics>>,
  security: string,
): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries(routes) as [Name, Route<string>][]) {
    const { responses, requestBody, inHeader = [] } = specifics[name];
    const inPath = route.path.includes('{id}') ? [{ name: 'id', in: 'path', required: true, schema: text }] : [];
    const inQuery = Object.entries(route.parameters).map(([parameter, { description, schema }]) => ({
      name: parameter,
      in: 'query',
      description,
      schema,
    }));
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: {
        operationId: name,
        summary: route.summary,
        parameters: [...inPath, ...inQuery, ...inHeader],
        ...(requestBody !== undefined && { requestBody }),
        ...(route.scope !== null && { security: [{ [security]: [route.scope] }] }),
        responses: {
          ...responses,
          default: { description: 'A problem.', content: content(ref('Problem'), 'application/problem+json') },
        },
      },
    };
  }
  return paths;
}
