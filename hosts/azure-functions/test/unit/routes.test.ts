// Route templates: what they match, in which order, and what is refused.
import { byPrecedence, matchRoute, parseRoute } from '../../http/routes.ts';

function match(template: string, path: string): Record<string, string> | undefined {
  return matchRoute([parseRoute('f', template, ['GET'], 'api')], 'GET', path)?.params;
}

it.each([
  ['a', '/api/a', {}],
  ['a', '/API/A/', {}],
  ['a/{id}', '/api/a/x%20y', { id: 'x y' }],
  ['a/{id}', '/api/a/x%2Fy', { id: 'x%2Fy' }],
  ['a/{id}', '/api/a/100%', { id: '100%' }],
  ['a/{id?}', '/api/a', {}],
  ['a/{id=7}', '/api/a', { id: '7' }],
  ['a/{*rest}', '/api/a/b/c', { rest: 'b/c' }],
  ['a/{*rest}', '/api/a', {}],
])('%s matches %s', (template, path, params) => {
  expect(match(template, path)).toEqual(params);
});

it.each([
  ['a', '/a'],
  ['a', '/api/a/b'],
  ['a/{id}', '/api/a'],
])('%s does not match %s', (template, path) => {
  expect(match(template, path)).toBeUndefined();
});

it('prefers literals, then parameters, then catch-all parameters', () => {
  const templates = ['{*rest}', 'a/{id}', '{x}/b', 'a/b'];
  const routes = byPrecedence(templates.map((template) => parseRoute(template, template, ['GET'], '')));
  const found = (path: string): string | undefined => matchRoute(routes, 'GET', path)?.route.functionName;
  expect(routes.map(({ functionName }) => functionName)).toEqual(['a/b', 'a/{id}', '{x}/b', '{*rest}']);
  expect(['/a/b', '/a/x', '/c/b', '/c/d/e'].map(found)).toEqual(['a/b', 'a/{id}', '{x}/b', '{*rest}']);
});

it('distinguishes functions on one route by method', () => {
  const routes = [
    parseRoute('get', 'a', ['get'], ''),
    parseRoute('put', 'a', ['PUT'], ''),
    parseRoute('any', 'b', [], ''),
  ];
  expect(matchRoute(routes, 'PUT', '/a')?.route.functionName).toBe('put');
  expect(matchRoute(routes, 'DELETE', '/a')).toBeUndefined();
  expect(matchRoute(routes, 'DELETE', '/b')?.route.functionName).toBe('any');
});

it('takes the function name without a route, and no prefix when it is empty', () => {
  expect(parseRoute('f', undefined, [], 'api').template).toBe('api/f');
  expect(parseRoute('f', '/', [], '').template).toBe('');
});

it.each([
  ['v{x}', '"v{x}" mixes text and parameters in one segment'],
  ['{a}-{b}', '"{a}-{b}" mixes text and parameters in one segment'],
  ['{*all}/more', 'a catch-all parameter must come last'],
  ['{id:int}', 'the constraint "int" is not supported'],
  ['{id:regex(^a/?b$)}', '"{id:regex(^a/?b$)}" is not a route parameter'],
  ['{1}', '"{1}" is not a route parameter'],
])('%s is refused', (template, message) => {
  expect(() => parseRoute('f', template, [], 'api')).toThrow(
    `The route "${template}" of "f" cannot be served: ${message}.`,
  );
});
