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

test('an element keeps its own text as it was written', () => {
  const root = parseXml('\uFEFF<a><b x="1"><c>&lt;</c>\n</b><d /></a>');
  expect(root.children.map(({ source }) => source)).toEqual(['<b x="1"><c>&lt;</c>\n</b>', '<d />']);
  expect(parseXml(`<a>${'x'.repeat(200_000)}</a>`).text).toHaveLength(200_000);
});

test.each([
  '<a>',
  '<a></b>',
  '<a/><b/>',
  '<a/>text',
  'text <a',
  '',
  '<a b=c/>',
  '<a>&nbsp;</a>',
  '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
])('%p is not XML', (source) => {
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

describe('records of the journal', () => {
  const first = encodeRecord(['a', 1, null], Buffer.from('raw["'));
  const second = encodeRecord(['b', 'ü']);
  const third = encodeRecord(['c']);
  const file = Buffer.concat([first, second, third]);
  const names = (bytes: Buffer) => decodeRecords(bytes).records.map(({ header: [name] }) => name);

  test('are read back as they were written', () => {
    const { records, ...rest } = decodeRecords(file);
    expect(records).toMatchObject([
      { header: ['a', 1, null], bytes: Buffer.from('raw["') },
      { header: ['b', 'ü'] },
      { header: ['c'] },
    ]);
    expect(rest).toEqual({ end: file.length, damage: [], torn: 0 });
  });

  test('are cut off at the end without being damaged', () => {
    for (let length = first.length; length < file.length; length++) {
      const whole = length >= first.length + second.length ? ['a', 'b'] : ['a'];
      const end = whole.length === 2 ? first.length + second.length : first.length;
      const { damage, torn, end: found } = decodeRecords(file.subarray(0, length));
      expect(names(file.subarray(0, length))).toEqual(whole);
      expect({ damage, torn, found }).toEqual({ damage: [], torn: length - end, found: end });
    }
  });

  test('are read behind a damaged one, whichever byte of it is wrong', () => {
    for (let wrong = 0; wrong < second.length; wrong++) {
      const damaged = Buffer.from(file);
      const at = first.length + wrong;
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      expect(names(damaged)).toEqual(['a', 'c']);
      expect(decodeRecords(damaged)).toMatchObject({
        end: file.length,
        torn: 0,
        damage: [{ at: first.length, bytes: second.length, before: 1 }],
      });
    }
  });

  test('say what is wrong with the one that cannot be read', () => {
    const damaged = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(file);
      change(bytes);
      return decodeRecords(bytes).damage.map(({ at, reason }) => `${at} ${reason}`);
    };
    expect(damaged((bytes) => bytes.fill(0, first.length + 12, first.length + 14))).toEqual([
      '29 its checksum is wrong',
    ]);
    expect(damaged((bytes) => bytes.writeUInt32BE(1_000_000, first.length))).toEqual([
      '29 its length of 1000004 bytes goes beyond the end of the file',
    ]);
    expect(damaged((bytes) => bytes.writeUInt32BE(90, first.length + 8))).toEqual([
      '29 its header is longer than the record',
    ]);
  });

  test('of a file that is something else are none, and it counts as damaged', () => {
    expect(decodeRecords(Buffer.from('This is not a journal, whatever its name says.'))).toMatchObject({
      records: [],
      damage: [{ at: 0, bytes: 46, before: 0 }],
      torn: 0,
    });
    expect(decodeRecords(Buffer.alloc(0))).toEqual({ records: [], end: 0, damage: [], torn: 0 });
  });
});
