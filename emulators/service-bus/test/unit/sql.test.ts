// SQL filters and actions: grammar, precedence, three-valued logic and LIKE.
import { compileRule } from '../../broker/compile-rule.ts';
import { LIMITS } from '../../broker/settings.ts';
import { content, type MessageFields, START } from './support.ts';

const MESSAGE: MessageFields = {
  id: 'id-1',
  label: 'order.created',
  session: 's',
  application: {
    color: 'red',
    Amount: 150,
    price: 2.5,
    active: true,
    empty: '',
    'with space': 1,
    'a]b': 2,
    quote: "it's",
    percent: '50%',
    at: new Date('2024-01-02T03:04:05Z'),
    nothing: null,
  },
};
const ARRIVAL = { sequenceNumber: 8, enqueuedTime: START };

function matches(
  expression: string,
  message: MessageFields = MESSAGE,
  parameters?: Map<string, string | number>,
): boolean {
  const filter = parameters === undefined ? { expression } : { expression, parameters };
  const rule = compileRule({ name: 'r', filter: { kind: 'sql', ...filter } }, LIMITS, START);
  return rule.matches(content(message), ARRIVAL);
}

describe('a filter matches', () => {
  test.each([
    ['1=1'],
    ['TRUE'],
    ['active'],
    ["color = 'red'"],
    ["COLOR = 'red'"],
    ["user.color = 'red'"],
    ["color <> 'blue'"],
    ["color != 'blue'"],
    ["color > 'black' AND color < 'white'"],
    ['amount = 150'],
    ['amount >= 150.0'],
    ['amount <= 1.5e2'],
    ['price = 2.5'],
    ['active = TRUE'],
    ['active <> FALSE'],
    ['[with space] = 1'],
    ['"with space" = 1'],
    ['[a]]b] = 2'],
    ["quote = 'it''s'"],
    ["sys.Label = 'order.created'"],
    ["sys.label = 'order.created'"],
    ["SYS.MessageId = 'id-1'"],
    ["sys.SessionId = 's'"],
    ['sys.SequenceNumber % 2 = 0'],
    ["color IN ('blue', 'red')"],
    ["color NOT IN ('blue', 'green')"],
    ['amount IN (1, 150)'],
    ["color LIKE 'r%'"],
    ["color LIKE '_e_'"],
    ["color NOT LIKE 'b%'"],
    ["sys.Label LIKE 'order.%'"],
    ["percent LIKE '50!%' ESCAPE '!'"],
    ["empty LIKE '%'"],
    ['missing IS NULL'],
    ['nothing IS NULL'],
    ['color IS NOT NULL'],
    ['EXISTS(color)'],
    ['EXISTS(user.Amount)'],
    ['NOT EXISTS(missing)'],
    ['amount + 50 = 200'],
    ['amount - 50 * 2 = 50'],
    ['(amount - 50) * 2 = 200'],
    ['amount / 4 = 37'],
    ['price / 2 = 1.25'],
    ['amount % 100 = 50'],
    ['-amount = -150'],
    ['--amount = +150'],
    ["color + '!' = 'red!'"],
    ["color = 'blue' OR color = 'red' AND amount > 100"],
    ["(color = 'red' OR color = 'blue') AND amount > 100"],
    ["NOT color = 'blue' AND amount = 150"],
    ["NOT NOT color = 'red'"],
    ["at > '2024-01-01T00:00:00Z'"],
    ["property('color') = 'red'"],
    ["p(color) = 'red'"],
    ['newid() IS NOT NULL'],
    ["missing = 1 OR color = 'red'"],
    ['amount--50 = 200'],
  ])('%s', (expression) => {
    expect(matches(expression)).toBe(true);
  });
});

describe('a filter does not match', () => {
  test.each([
    ['1=0'],
    ['FALSE'],
    ["color = 'Red'"],
    ['missing = 1'],
    ['missing <> 1'],
    ['NOT missing = 1'],
    ["missing NOT IN ('a')"],
    ["missing LIKE '%'"],
    ["missing NOT LIKE 'a'"],
    ["missing = 1 AND color = 'red'"],
    ['missing = missing'],
    ['missing = NULL'],
    ["color NOT IN ('blue', missing)"],
    ['color = 5'],
    ['color <> 5'],
    ["amount = '150'"],
    ["sys.color = 'red'"],
    ["label = 'order.created'"],
    ["color LIKE 'r'"],
    ["color LIKE 'R%'"],
    ["percent LIKE '50!%x' ESCAPE '!'"],
    ['EXISTS(nothing)'],
    ['missing + 1 > 0'],
    ["@unknown = 'red'"],
  ])('%s', (expression) => {
    expect(matches(expression)).toBe(false);
  });
});

test('parameters take the place of constants', () => {
  const parameters = new Map<string, string | number>([
    ['@least', 100],
    ['@color', 'red'],
  ]);
  expect(matches('amount > @least AND color = @color', MESSAGE, parameters)).toBe(true);
});

describe('a filter is refused', () => {
  test.each([
    ['a = = 1'],
    ['a ='],
    ['a = 1 b'],
    ["a = 'open"],
    ['(a = 1'],
    ['a IN ()'],
    ['a IN (1'],
    ['a NOT = 1'],
    ['a IS 1'],
    ['EXISTS a'],
    ['other.a = 1'],
    ['a = 1;'],
    ['AND a = 1'],
    ['unknown(1) = 1'],
    ['a ~ 1'],
    [''],
    ['x = 1 OR '.repeat(200)],
  ])('%s', (expression) => {
    expect(() => matches(expression)).toThrow(
      expect.objectContaining({ name: 'ServiceBusError', condition: 'com.microsoft:argument-error' }),
    );
  });

  test('when it is nested too deeply', () => {
    expect(() => matches(`${'('.repeat(200)}1=1${')'.repeat(200)}`)).toThrow('nested too deeply');
  });
});

test('dividing by zero is an error of the evaluation', () => {
  expect(() => matches('amount / 0 = 1')).toThrow(expect.objectContaining({ name: 'SqlEvaluationError' }));
});

test('a LIKE pattern of many runs is matched without going exponential', () => {
  const text = 'a'.repeat(1_000);
  expect(matches(`t LIKE '${'%a'.repeat(100)}b'`, { application: { t: text } })).toBe(false);
});

describe('an action', () => {
  const run = (expression: string): { application: Record<string, unknown>; properties: readonly unknown[] } => {
    const rule = compileRule({ name: 'rule', filter: { kind: 'true' }, action: { expression } }, LIMITS, START);
    const changed = rule.apply?.(content({ label: 'old', application: { a: 1, Big: 'B', gone: true } }), ARRIVAL);
    if (changed === undefined) throw new Error('the rule has no action');
    return { application: Object.fromEntries(changed.applicationProperties), properties: changed.properties };
  };

  test('sets and removes properties, later statements seeing earlier ones', () => {
    expect(run("SET a = a + 1; SET b = a * 10; REMOVE gone; SET text = 'x';").application).toEqual({
      a: 2,
      Big: 'B',
      b: 20,
      text: 'x',
      RuleName: 'rule',
    });
  });

  test('keeps the spelling of a property that is there', () => {
    expect(run("SET big = 'b'; REMOVE GONE").application).toEqual({ a: 1, Big: 'b', RuleName: 'rule' });
  });

  test('sets system properties', () => {
    expect(run("SET sys.Label = 'new'; SET sys.CorrelationId = 5").properties.slice(3, 6)).toEqual(['new', null, '5']);
  });

  test.each([['SET'], ['SET a'], ['REMOVE sys.Label'], ['SET sys.SequenceNumber = 1'], ['DELETE a'], ['']])(
    'is refused: %s',
    (expression) => {
      expect(() => run(expression)).toThrow(expect.objectContaining({ name: 'ServiceBusError' }));
    },
  );
});
