// Paths as both clouds can tell them.
import { apiGateway } from '../../../adapters/aws/api-gateway.ts';
import { plainPath } from '../../../core/http/routes.ts';

const PATHS: readonly (readonly [sent: string, plain: string])[] = [
  ['/v1/devices', '/v1/devices'],
  ['/v1/devices/a%2Fb', '/v1/devices/a/b'],
  ['/v1/devices/a%252Fb', '/v1/devices/a%2Fb'],
  ['/v1/devices/..%2Falerts', '/v1/alerts'],
  ['/v1/devices/a%3Flimit=1', '/v1/devices/a'],
  ['/v1/dev%0Aices', '/v1/dev\nices'],
  ['/v1/devices/a%5Cb', '/v1/devices/a/b'],
  ['/v1/devices/%zz', '/v1/devices/%zz'],
  ['/v1/devices/%25', '/v1/devices/%'],
  ['/v1/devices/%00', '/v1/devices/\0'],
  ['/v1//devices/', '/v1//devices/'],
];

test.each(PATHS)('%s is %j', (sent, plain) => {
  expect(plainPath(sent)).toBe(plain);
});

const through = async (event: { rawPath?: string; rawQueryString?: string; body?: string; length?: string }) => {
  let seen: Request | undefined;
  await apiGateway(async (request) => {
    seen = request;
    return new Response();
  })({
    rawPath: event.rawPath ?? '/',
    rawQueryString: event.rawQueryString ?? '',
    headers: event.length === undefined ? {} : { 'content-length': event.length },
    requestContext: { http: { method: 'POST' } },
    ...(event.body !== undefined && { body: event.body }),
  });
  return seen as Request;
};

test('a path that API Gateway has decoded is not decoded again', async () => {
  const { url } = await through({ rawPath: '/v1/devices/a%2Fb?', rawQueryString: '?' });
  expect(url).toBe('https://cell/v1/devices/a%252Fb%3F??');
});

test('a body in which API Gateway has replaced bytes stays a body that is not UTF-8', async () => {
  const altered = await through({ body: '"t\ufffdt"', length: '5' });
  expect([...new Uint8Array(await altered.arrayBuffer())]).toEqual([0x22, 0x74, 0xff, 0x74, 0x22]);
  const genuine = await through({ body: '"t\ufffdt"', length: '7' });
  expect(await genuine.text()).toBe('"t\ufffdt"');
});
