// How a second plan is read, and how what differs is judged by the list of what an emulator cannot represent.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Option } from '../../../build/infra/apply/deployment.ts';
import {
  describeFound,
  type Found,
  judge,
  type Known,
  type KnownList,
  listFaults,
  omissions,
} from '../../../build/infra/apply/known.ts';
import { plannedChanges } from '../../../build/infra/apply/plan.ts';

const NONE: ReadonlySet<Option> = new Set();

const changed = (address: string, before: object | null, after: object | null, actions = ['update'], unknown = {}) => ({
  address,
  change: { actions, before, after, after_unknown: unknown },
});

describe('the changes of a plan', () => {
  const changes = (...resources: object[]) =>
    plannedChanges(JSON.parse(JSON.stringify({ resource_changes: resources })));

  test('what stays and what is only read is none', () => {
    const same = { name: 'a' };
    expect(changes(changed('a.b', same, same, ['no-op']), changed('data.c.d', null, same, ['read']))).toEqual([]);
  });

  test('each attribute that differs is one, by the kind of the resource', () => {
    const before = { delay: 1, tags: { a: 'x', b: 'y' }, policy: '' };
    const after = { delay: 2, tags: { b: 'y', a: 'x' }, policy: '{}' };
    expect(changes(changed('module.cell.aws_sqs_queue.consumer["device-state"]', before, after))).toEqual([
      {
        kind: 'aws_sqs_queue.consumer',
        about: 'module.cell.aws_sqs_queue.consumer["device-state"]',
        part: 'delay',
        declared: 2,
        seen: 1,
      },
      expect.objectContaining({ part: 'policy', declared: '{}', seen: '' }),
    ]);
  });

  test('a value that is known only later is one, and a part of one is not', () => {
    const unknown = { version: true, environment: [{ variables: {} }] };
    const before = { version: '1', environment: [{ variables: {} }] };
    const found = changes(
      changed(
        'module.cell.aws_lambda_function.this["http"]',
        before,
        { environment: [{ variables: {} }] },
        ['update'],
        unknown,
      ),
    );
    expect(found.map(({ part, declared, seen }) => [part, declared, seen])).toEqual([
      ['version', 'known after the apply', '1'],
    ]);
  });

  test.each([
    [['create'], 'create', 'absent'],
    [['delete'], 'delete', 'there'],
    [['delete', 'create'], 'delete and create', 'there'],
  ])('%j is about the whole resource', (actions, declared, seen) => {
    expect(changes(changed('a_b.c', { id: 1 }, { id: 2 }, actions))).toEqual([
      { kind: 'a_b.c', about: 'a_b.c', part: '', declared, seen },
    ]);
  });

  test('an output that changes is one', () => {
    const output_changes = {
      same: { actions: ['no-op'], before: 1, after: 1 },
      endpoint: { actions: ['update'], before: 'a', after: 'b' },
    };
    expect(plannedChanges({ resource_changes: [], output_changes })).toEqual([
      { kind: 'output.endpoint', about: 'output.endpoint', part: '', declared: 'b', seen: 'a' },
    ]);
  });
});

const found = (more: Partial<Found> = {}): Found => ({
  kind: 'topic',
  about: 'topic aws-alpha-events',
  part: 'tracing',
  declared: 'Active',
  seen: null,
  ...more,
});
const known = (more: Partial<Known> = {}): Known => ({
  kind: 'topic',
  part: 'tracing',
  seen: 'null',
  reason: 'It is forgotten.',
  ...more,
});

describe('the judgement', () => {
  test('what is listed is explained, with how often it occurred', () => {
    expect(judge([found(), found({ about: 'topic b' })], [known()], NONE)).toEqual({
      unknown: [],
      stale: [],
      explained: [{ known: known(), times: 2 }],
    });
  });

  test.each<[string, Partial<Found>]>([
    ['of another kind', { kind: 'queue' }],
    ['of another part', { part: 'key' }],
    ['with another value', { seen: 'PassThrough' }],
    ['with a value that only contains it', { seen: ['null'] }],
    ['of the whole', { part: '' }],
  ])('a difference %s is unknown, and the entry stale', (_, more) => {
    expect(judge([found(more)], [known()], NONE)).toEqual({ unknown: [found(more)], stale: [known()], explained: [] });
  });

  test('an entry of an option counts only with it', () => {
    const own = known({ with: 'key' });
    expect(judge([], [own], NONE).stale).toEqual([]);
    expect(judge([], [own], new Set<Option>(['key'])).stale).toEqual([own]);
    expect(judge([found()], [own], NONE).unknown).toEqual([found()]);
    expect(judge([found()], [own], new Set<Option>(['key'])).unknown).toEqual([]);
  });

  test('JSON that is written otherwise is the same, and other JSON is not', () => {
    const same = [known({ seen: 'same JSON' })];
    const declared = '{"a":1,"b":[2]}';
    expect(judge([found({ declared, seen: '{ "b": [2], "a": 1 }' })], same, NONE).unknown).toEqual([]);
    expect(judge([found({ declared, seen: '{ "b": [3], "a": 1 }' })], same, NONE).unknown).toHaveLength(1);
    expect(judge([found({ declared, seen: '' })], same, NONE).unknown).toHaveLength(1);
  });

  test('a version stands for the alias of the same function alone', () => {
    const version = [known({ seen: 'a version in the place of its alias' })];
    const declared = 'arn:aws:lambda:eu-central-1:1:function:a-relay:live';
    const unknown = (seen: string) => judge([found({ declared, seen })], version, NONE).unknown.length;
    expect(unknown('arn:aws:lambda:eu-central-1:1:function:a-relay:7')).toBe(0);
    expect(unknown('arn:aws:lambda:eu-central-1:1:function:a-http:7')).toBe(1);
    expect(unknown('arn:aws:lambda:eu-central-1:1:function:a-relay')).toBe(1);
  });

  test('a difference is described in a line of bounded length', () => {
    expect(describeFound(found())).toBe('topic aws-alpha-events: tracing is null, not "Active"');
    expect(describeFound(found({ part: '', declared: 'absent', seen: 'there' }))).toBe(
      'topic aws-alpha-events: "there", not "absent"',
    );
    expect(describeFound(found({ seen: 'x'.repeat(5000) })).length).toBe(210);
  });
});

describe('a list', () => {
  const list = (...plan: Known[]): KnownList => ({ emulator: 'moto', version: '5.2.1', plan, api: [] });

  test('the one of moto can be used', () => {
    const file = path.resolve(__dirname, '../../../infra/emulator/moto.json');
    const moto = JSON.parse(readFileSync(file, 'utf8')) as KnownList;
    expect(listFaults(moto)).toEqual([]);
    expect(omissions(moto.plan)).toBe('resource "aws_sqs_queue" "dead_letter" {\n  redrive_allow_policy = null\n}\n');
  });

  test('an entry without a reason, with an unknown option, or that leaves out no attribute is refused', () => {
    expect(listFaults(list(known({ reason: ' ' })))).toEqual(['topic tracing has no reason.']);
    expect(listFaults(list(known({ with: 'speed' as Option })))).toEqual(['topic tracing: there is no option speed.']);
    expect(listFaults(list(known({ omit: true })))).toEqual(['topic tracing: only an attribute can be left out.']);
  });

  test('without an entry that leaves something out there is no override', () => {
    expect(omissions([known()])).toBe('');
  });
});
