// Where telemetry goes, as OpenTelemetry's variables say it.
import { readTelemetry } from '../../../core/cell/telemetry-settings.ts';

const ENDPOINT = 'https://otlp.example/otlp';

const read = (headers?: string, share = '0.25', endpoint = ENDPOINT) => {
  const problems: string[] = [];
  const settings = readTelemetry(
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER_ARG: share,
      ...(headers !== undefined && { OTEL_EXPORTER_OTLP_HEADERS: headers }),
    },
    problems,
  );
  return { settings, problems };
};

test('nothing without a collector, whatever else is set', () => {
  const problems: string[] = [];
  expect(readTelemetry({ OTEL_TRACES_SAMPLER_ARG: 'much' }, problems)).toBeUndefined();
  expect(problems).toEqual([]);
});

test('an address, headers and a share', () => {
  expect(read('Authorization=Basic%20YTpi,x-scope=a%2Cb', '0.25', `${ENDPOINT}/`)).toEqual({
    settings: { endpoint: ENDPOINT, headers: { authorization: 'Basic YTpi', 'x-scope': 'a,b' }, share: 0.25 },
    problems: [],
  });
  expect(read(undefined, '1').settings).toEqual({ endpoint: ENDPOINT, headers: {}, share: 1 });
  expect(read(undefined, '.5').settings?.share).toBe(0.5);
});

test.each(['', '1.5', '-1', 'all', '1e-1', ' 1'])('%j is no share', (share) => {
  expect(read(undefined, share).problems).toEqual([
    `OTEL_TRACES_SAMPLER_ARG is ${JSON.stringify(share)}; it must be a share from 0 to 1`,
  ]);
});

test.each(['otlp.example', 'ftp://otlp.example', 'https://', 'https://a b'])('%j is no address', (endpoint) => {
  expect(read(undefined, '1', endpoint).problems).toEqual([
    `OTEL_EXPORTER_OTLP_ENDPOINT is ${JSON.stringify(endpoint)}, which is no address of a collector`,
  ]);
});

test.each(['secret', '=secret', 'a b=secret', 'x=%zzsecret', 'x=se%0Acret'])(
  'the headers %j are refused without showing them',
  (headers) => {
    const { problems } = read(`fine=1,${headers}`);
    expect(problems).toEqual(['OTEL_EXPORTER_OTLP_HEADERS: number 2 of its headers is not name=value']);
  },
);
