// Small formats: durations, XML, the configuration file, and records of the journal.

import { child, childText, escapeXml, parseXml } from '../../admin/xml.ts';
import { applyConfig, parseConfig } from '../../config.ts';
import { formatDuration, LONGEST, parseDuration } from '../../durations.ts';
import { decodeRecords, encodeRecord } from '../../persistence/records.ts';
import { frozenNamespace } from './support.ts';

test.each([
  ['PT1M', 60_000],
  ['PT1M30S', 90_000],
  ['PT0.5S', 500],
  ['P14D', 1_209_600_000],
  ['P1DT2H3M4S', 93_784_000],
  [LONGEST, Number.POSITIVE_INFINITY],
])('the duration %s is %d ms, both ways', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
  expect(formatDuration(ms)).toBe(text);
});

test.each(['', 'P', 'PT', '1M', 'PT1X', 'P1M', '-PT1M'])('%p is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('XML is read with prefixes dropped and entities decoded', () => {
  const root = parseXml(
    '<?xml version="1.0"?><!-- c --><a:entry xmlns:a="x"><b p:type=\'T\'>1 &lt; 2 &amp; &#65;&#x42;</b><c/><d><![CDATA[<raw>]]></d></a:entry>',
  );
  expect(root.name).toBe('entry');
  expect(childText(root, 'b')).toBe('1 < 2 & AB');
  expect(child(root, 'b')?.attributes.get('type')).toBe('T');
  expect(childText(root, 'd')).toBe('<raw>');
  expect(escapeXml(`<a b="c" & 'd'>`)).toBe('&lt;a b=&quot;c&quot; &amp; &apos;d&apos;&gt;');
});

test.each(['<a>', '<a></b>', '<a/><b/>', 'text <a', ''])('%p is not XML', (source) => {
  expect(() => parseXml(source)).toThrow(expect.objectContaining({ name: 'XmlError' }));
});

const CONFIG = `{
  // Comments are allowed.
  "UserConfig": { "Namespaces": [ { "Name": "sbemulatorns",
    "Queues": [ { "Name": "queue.1", "Properties": { "LockDuration": "PT1M", "MaxDeliveryCount": 3, "ForwardTo": "", "RequiresSession": false } } ],
    "Topics": [ { "Name": "topic.1", "Properties": { "DefaultMessageTimeToLive": "PT1H", "RequiresDuplicateDetection": true },
      "Subscriptions": [ { "Name": "sub.1", "Properties": { "DeadLetteringOnMessageExpiration": true },
        "Rules": [
          { "Name": "r1", "Properties": { "FilterType": "Correlation", "CorrelationFilter": { "ContentType": "text // plain", "Properties": { "p": "v" } } } },
          { "Name": "r2", "Properties": { "FilterType": "Sql", "SqlFilter": { "SqlExpression": "a = 1" }, "Action": { "SqlExpression": "SET b = 2" } } },
        ] } ] } ] } ],
  "Logging": { "Type": "File" } } }`;

test('the configuration of the official emulator makes its entities', () => {
  const { namespace } = frozenNamespace();
  applyConfig(namespace, parseConfig(CONFIG));
  expect(namespace.queue('queue.1')?.settings).toMatchObject({ maxDeliveryCount: 3, lockDurationMs: 60_000 });
  expect(namespace.topic('topic.1')?.settings).toMatchObject({ requiresDuplicateDetection: true });
  const subscription = namespace.subscription('topic.1', 'sub.1');
  expect(subscription?.settings.deadLetterOnExpiration).toBe(true);
  expect(subscription?.sortedRules()).toMatchObject([
    { name: 'r1', filter: { kind: 'correlation', contentType: 'text // plain' } },
    { name: 'r2', filter: { kind: 'sql', expression: 'a = 1' }, action: { expression: 'SET b = 2' } },
  ]);
  applyConfig(namespace, parseConfig(CONFIG));
});

test.each([
  ['{', 'is not JSON'],
  ['{}', 'UserConfig must be an object'],
  ['{"UserConfig":{"Namespaces":[{"Queues":[{}]}]}}', 'a queue has no Name'],
  ['{"UserConfig":{"Namespaces":[{"Queues":[{"Name":"q","Properties":{"Colour":1}}]}]}}', "'Colour' is not known"],
  ['{"UserConfig":{"Namespaces":[{"Queues":[{"Name":"q","Properties":{"LockDuration":"x"}}]}]}}', 'not a duration'],
])('the configuration %s is refused', (text, reason) => {
  const { namespace } = frozenNamespace();
  expect(() => applyConfig(namespace, parseConfig(text))).toThrow(reason);
});

test('records of the journal are read up to the first that is damaged', () => {
  const records = [encodeRecord(['a', 1, null], Buffer.from('raw')), encodeRecord(['b', 'ü'])];
  const file = Buffer.concat(records);
  expect(decodeRecords(file).records).toMatchObject([
    { header: ['a', 1, null], bytes: Buffer.from('raw') },
    { header: ['b', 'ü'] },
  ]);
  for (let length = 0; length < file.length; length++) {
    const whole = length >= (records[0]?.length ?? 0) ? 1 : 0;
    expect(decodeRecords(file.subarray(0, length)).records).toHaveLength(whole);
  }
  const damaged = Buffer.from(file);
  damaged[14] = 0xff;
  expect(decodeRecords(damaged)).toEqual({ records: [], end: 0 });
});
