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
  ['{id:int}', '/api/-12', { id: '-12' }],
  ['{id:guid}', '/api/0F8FAD5B-D9CB-469F-A165-70867728950E', { id: '0F8FAD5B-D9CB-469F-A165-70867728950E' }],
  ['{id:alpha:length(2,3)}', '/api/abc', { id: 'abc' }],
  ['{id:range(1,10)}', '/api/10', { id: '10' }],
  ['{id:regex(^a/?b$)}', '/api/ab', { id: 'ab' }],
])('%s matches %s', (template, path, params) => {
  expect(match(template, path)).toEqual(params);
});

it.each([
  ['a', '/a'],
  ['a', '/api/a/b'],
  ['a/{id}', '/api/a'],
  ['{id:int}', '/api/1.5'],
  ['{id:int}', '/api/3000000000'],
  ['{id:alpha:length(2,3)}', '/api/abcd'],
  ['{id:range(1,10)}', '/api/11'],
])('%s does not match %s', (template, path) => {
  expect(match(template, path)).toBeUndefined();
});

it('prefers literals, then constrained, then plain, then catch-all parameters', () => {
  const templates = ['{*rest}', 'a/{id}', '{x}/b', 'a/b', 'a/{id:int}'];
  const routes = byPrecedence(templates.map((template) => parseRoute(template, template, ['GET'], '')));
  const found = (path: string): string | undefined => matchRoute(routes, 'GET', path)?.route.functionName;
  expect(routes.map(({ functionName }) => functionName)).toEqual(['a/b', 'a/{id:int}', 'a/{id}', '{x}/b', '{*rest}']);
  expect(['/a/b', '/a/1', '/a/x', '/c/b', '/c/d/e'].map(found)).toEqual([
    'a/b',
    'a/{id:int}',
    'a/{id}',
    '{x}/b',
    '{*rest}',
  ]);
});

it('tells functions on one route apart by method', () => {
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
  ['{id:unknown}', 'the constraint "unknown" is not supported'],
  ['{1}', '"{1}" is not a route parameter'],
])('%s is refused', (template, message) => {
  expect(() => parseRoute('f', template, [], 'api')).toThrow(
    `The route "${template}" of "f" cannot be served: ${message}.`,
  );
});
