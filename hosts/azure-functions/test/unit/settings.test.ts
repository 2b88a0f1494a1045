// host.json, app settings, trigger options and retry policies: what is accepted, what is refused, and the defaults.
import { globToRegExp } from '../../app-folder.ts';
import { AppSettings } from '../../app-settings.ts';
import { formatPosition, parsePositions } from '../../cosmos/feed.ts';
import { readCosmosOptions } from '../../cosmos/options.ts';
import { parseHostJson, parseTimeSpan } from '../../host-json.ts';
import { readRetryPolicy } from '../../retry.ts';
import type { BindingInfo, RpcRetryOptions } from '../../rpc.ts';
import { traceContext } from '../../trace.ts';

describe('host.json', () => {
  const problemsOf = (json: Record<string, unknown>): string[] => {
    const problems: string[] = [];
    parseHostJson({ version: '2.0', ...json }, problems);
    return problems;
  };

  it('has the defaults of the extensions', () => {
    const problems: string[] = [];
    expect(parseHostJson({ version: '2.0' }, problems)).toEqual({
      functionTimeoutMs: 1_800_000,
      ignored: [],
      http: { routePrefix: 'api', maxConcurrentRequests: -1, maxOutstandingRequests: -1 },
      serviceBus: {
        autoCompleteMessages: true,
        maxAutoLockRenewalMs: 300_000,
        maxConcurrentCalls: 16,
        maxConcurrentSessions: 8,
        maxConcurrentCallsPerSession: 1,
        maxMessageBatchSize: 1000,
        minMessageBatchSize: 1,
        maxBatchWaitMs: 30_000,
        sessionIdleTimeoutMs: 60_000,
        clientRetry: { exponential: true, tryTimeoutMs: 60_000, delayMs: 800, maxDelayMs: 60_000, maxRetries: 3 },
      },
    });
    expect(problems).toEqual([]);
  });

  it('is read', () => {
    const serviceBus = {
      prefetchCount: 10,
      maxMessageBatchSize: 50,
      sessionIdleTimeout: '00:00:05',
      autoComplete: false,
    };
    const extensions = { http: { routePrefix: '/v1/' }, serviceBus };
    expect(parseHostJson({ version: '2.0', functionTimeout: '-1', extensions }, [])).toMatchObject({
      functionTimeoutMs: undefined,
      ignored: ['extensions.serviceBus.prefetchCount'],
      http: { routePrefix: 'v1' },
      serviceBus: { maxMessageBatchSize: 50, sessionIdleTimeoutMs: 5000, autoCompleteMessages: false },
    });
  });

  it.each([
    [{ version: '1.0' }, '"version" must be "2.0", not "1.0"'],
    [{ extension: {} }, '"extension" is not a setting of host.json'],
    [{ functionTimeout: 5 }, '"functionTimeout" must be a time span such as "00:05:00" or -1, not 5'],
    [{ extensions: { http: { routePrefix: 1 } } }, 'extensions.http.routePrefix must be a text'],
    [
      { extensions: { serviceBus: { maxConcurrentCalls: 0 } } },
      'extensions.serviceBus.maxConcurrentCalls must be a whole number of at least 1',
    ],
    [
      { extensions: { serviceBus: { maxBatchWaitTime: '00:03:00' } } },
      'extensions.serviceBus.maxBatchWaitTime may be at most 00:02:30',
    ],
    [
      { extensions: { serviceBus: { minMessageBatchSize: 2000 } } },
      'extensions.serviceBus.minMessageBatchSize exceeds maxMessageBatchSize',
    ],
    [{ extensions: [] }, 'extensions must be an object'],
  ])('%j is refused', (json, problem) => {
    expect(problemsOf(json)).toEqual([problem]);
  });

  it('reads time spans', () => {
    expect(['00:00:30', '1.02:03:04.5', '24:00:00', '30', '00:61:00'].map(parseTimeSpan)).toEqual([
      30_000,
      93_784_500,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('app settings', () => {
  const settings = new AppSettings({
    Topic: 'events',
    DB: 'AccountEndpoint=x',
    AzureWebJobsOLD: 'old',
    LOCAL__accountEndpoint: 'http://127.0.0.1:8081/',
    LOCAL__fullyQualifiedNamespace: '127.0.0.1:5672',
    CLOUD__accountEndpoint: 'https://a.documents.azure.com/',
    'AzureWebJobs.f.Disabled': '1',
  });

  it('resolves names in texts', () => {
    expect(settings.resolve('a-%TOPIC%-b')).toBe('a-events-b');
    expect(() => settings.resolve('%none%')).toThrow(
      'The app setting "none" is not set; a binding refers to it as %none%.',
    );
  });

  it('finds connections, the local identity-based ones included', () => {
    expect(settings.cosmosConnection('DB')).toBe('AccountEndpoint=x');
    expect(settings.cosmosConnection('old')).toBe('old');
    expect(settings.cosmosConnection('LOCAL')).toMatch(/^AccountEndpoint=http:\/\/127\.0\.0\.1:8081\/;AccountKey=C2y6/);
    expect(settings.serviceBusConnection('LOCAL')).toBe(
      'Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;',
    );
  });

  it('says what is missing', () => {
    expect(() => settings.cosmosConnection('CLOUD')).toThrow(
      'The connection "CLOUD" uses a managed identity (CLOUD__accountEndpoint=https://a.documents.azure.com/), and there is none on this machine.',
    );
    expect(() => settings.serviceBusConnection('BUS')).toThrow(
      'The app setting "BUS" is not set; it must hold a Service Bus connection string.',
    );
  });

  it('knows disabled functions', () => {
    expect([settings.isDisabled('f'), settings.isDisabled('g')]).toEqual([true, false]);
  });
});

describe('options of a Cosmos DB trigger', () => {
  const settings = new AppSettings({ DB: 'AccountEndpoint=http://127.0.0.1/;AccountKey=k', C: 'events' });
  const binding: BindingInfo = {
    type: 'cosmosDBTrigger',
    direction: 'in',
    connection: 'DB',
    databaseName: 'db',
    containerName: '%C%',
  };

  it('have the defaults of the extension', () => {
    expect(readCosmosOptions('f', binding, settings, {})).toEqual({
      connection: 'AccountEndpoint=http://127.0.0.1/;AccountKey=k',
      database: 'db',
      container: 'events',
      leaseConnection: 'AccountEndpoint=http://127.0.0.1/;AccountKey=k',
      leaseDatabase: 'db',
      leaseContainer: 'leases',
      createLeaseContainer: false,
      leasePrefix: '',
      maxItems: undefined,
      startFrom: { from: 'now' },
      allVersions: false,
      feedPollDelayMs: 5000,
      leaseAcquireIntervalMs: 13_000,
      leaseExpirationIntervalMs: 60_000,
      leaseRenewIntervalMs: 17_000,
    });
  });

  it('can be overridden', () => {
    const options = readCosmosOptions('f', { ...binding, feedPollDelay: 700 }, settings, { feedPollDelayMs: 50 });
    expect(options.feedPollDelayMs).toBe(50);
  });

  it.each([
    [{ containerName: '' }, '"containerName" is missing'],
    [{ feedPollDelay: -1 }, '"feedPollDelay" must be above 0'],
    [{ startFromTime: 'yesterday' }, '"startFromTime" is not a time: yesterday'],
    [
      { changeFeedMode: 'AllVersionsAndDeletes', startFromBeginning: true },
      'all versions can only be read from now on',
    ],
  ])('%j is refused', (change, message) => {
    expect(() => readCosmosOptions('f', { ...binding, ...change }, settings, {})).toThrow(
      `The Cosmos DB trigger of "f" cannot be started: ${message}`,
    );
  });
});

describe('retry policies', () => {
  const policy = (retryOptions: RpcRetryOptions, random = 0.5): number[] => {
    const next = readRetryPolicy({ name: 'f', bindings: {}, retryOptions }, () => random)?.delays();
    return Array.from({ length: 6 }, () => Math.round(next?.() ?? -1));
  };

  it('wait as the WebJobs SDK does', () => {
    const fixed = { retryStrategy: 'fixedDelay', maxRetryCount: 3, delayInterval: { seconds: 4 } };
    expect(policy(fixed)).toEqual([4000, 4000, 4000, 4000, 4000, 4000]);
    const growing = {
      retryStrategy: 'exponentialBackoff',
      maxRetryCount: -1,
      minimumInterval: { seconds: 4 },
      maximumInterval: { seconds: 40 },
    };
    expect(policy(growing)).toEqual([4000, 8000, 12_000, 20_000, 36_000, 40_000]);
    expect(policy(growing, 0)).toEqual([4000, 7200, 10_400, 16_800, 29_600, 40_000]);
  });

  it.each([
    [{ retryStrategy: 'fixedDelay', maxRetryCount: -2 }, 'needs a maxRetryCount of -1 (no limit) or more, not -2'],
    [{ retryStrategy: 'fixedDelay', maxRetryCount: 1 }, 'needs a delayInterval'],
    [{ retryStrategy: 'exponentialBackoff', maxRetryCount: 1 }, 'needs a minimumInterval and a maximumInterval'],
    [{ retryStrategy: 'hope', maxRetryCount: 1 }, 'has the unknown strategy "hope"'],
  ])('%j is refused', (retryOptions, message) => {
    expect(() => policy(retryOptions)).toThrow(`The retry policy of "f" ${message}`);
  });
});

describe('small parts', () => {
  it('go on with the trace of a caller, or begin one', () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect(traceContext(`00-${id}-00f067aa0ba902b7-01`, 'a=1')).toEqual({
      traceParent: expect.stringMatching(new RegExp(`^00-${id}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`)),
      traceState: 'a=1',
      attributes: {},
    });
    for (const bad of [undefined, 'x', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`]) {
      const { traceParent, traceState } = traceContext(bad, 'a=1');
      expect(traceParent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      expect(traceState).toBe('');
    }
  });

  it('match the globs of package.json', () => {
    const files = ['index.cjs', 'dist/a.js', 'dist/functions/b.js', 'dist/functions/b.js.map'];
    const matching = (glob: string): string[] => files.filter((file) => globToRegExp(glob).test(file));
    expect(matching('index.cjs')).toEqual(['index.cjs']);
    expect(matching('dist/*.js')).toEqual(['dist/a.js']);
    expect(matching('dist/**/*.js')).toEqual(['dist/a.js', 'dist/functions/b.js']);
    expect(matching('{index.cjs,dist/functions/?.js}')).toEqual(['index.cjs', 'dist/functions/b.js']);
  });

  it('translate between the continuation of a lease and the token of the SDK', () => {
    const token = formatPosition('rid', { min: '', max: 'FF', continuation: '"12"' });
    expect(JSON.parse(token)).toEqual({
      rid: 'rid',
      Continuation: [{ minInclusive: '', maxExclusive: 'FF', continuationToken: '"12"' }],
    });
    expect(parsePositions(token)).toEqual([{ min: '', max: 'FF', continuation: '"12"' }]);
    const split = `{"rid":"r","Continuation":[
      {"minInclusive":"7F","maxExclusive":"FF","continuationToken":""},
      {"minInclusive":"","maxExclusive":"7F","continuationToken":"\\"3\\""}]}`;
    expect(parsePositions(split)).toEqual([
      { min: '', max: '7F', continuation: '"3"' },
      { min: '7F', max: 'FF', continuation: undefined },
    ]);
    expect(parsePositions('')).toEqual([]);
  });
});
