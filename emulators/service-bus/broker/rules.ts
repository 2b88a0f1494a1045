// The rules of a subscription: which messages they let in, and what they change about them.
import { type MessageContent, PROPERTY } from '../amqp/message.ts';
import { Uuid, type Value } from '../amqp/values.ts';

/** A value that a correlation filter compares an application property with. */
export type FilterValue = string | number | bigint | boolean | Date;

/** The properties that a correlation filter may name; those left out match anything. */
export interface CorrelationFilter {
  readonly kind: 'correlation';
  readonly correlationId?: string;
  readonly messageId?: string;
  readonly to?: string;
  readonly replyTo?: string;
  readonly label?: string;
  readonly sessionId?: string;
  readonly replyToSessionId?: string;
  readonly contentType?: string;
  readonly properties: ReadonlyMap<string, FilterValue>;
}

/** A filter written in SQL, with the values of its parameters. */
export interface SqlFilter {
  readonly kind: 'sql';
  readonly expression: string;
  readonly parameters?: ReadonlyMap<string, FilterValue>;
}

export type RuleFilter = CorrelationFilter | SqlFilter | { readonly kind: 'true' } | { readonly kind: 'false' };

/** An action written in SQL. */
export interface RuleAction {
  readonly expression: string;
  readonly parameters?: ReadonlyMap<string, FilterValue>;
}

/** What a rule is made of. */
export interface RuleDescription {
  readonly name: string;
  readonly filter: RuleFilter;
  readonly action?: RuleAction;
}

/** What the topic knows of a message besides its content. */
export interface Arrival {
  readonly sequenceNumber: number;
  readonly enqueuedTime: number;
}

/** A rule ready for use. */
export interface Rule extends RuleDescription {
  readonly createdAt: number;
  readonly matches: (content: MessageContent, arrival: Arrival) => boolean;
  readonly apply: ((content: MessageContent, arrival: Arrival) => MessageContent) | undefined;
}

/** The rule that every new subscription has: it lets everything in. */
export const DEFAULT_RULE: Rule = {
  name: '$Default',
  filter: { kind: 'true' },
  createdAt: 0,
  matches: () => true,
  apply: undefined,
};

const FIELDS = [
  ['correlationId', PROPERTY.correlationId],
  ['messageId', PROPERTY.messageId],
  ['to', PROPERTY.to],
  ['replyTo', PROPERTY.replyTo],
  ['label', PROPERTY.subject],
  ['sessionId', PROPERTY.groupId],
  ['replyToSessionId', PROPERTY.replyToGroupId],
  ['contentType', PROPERTY.contentType],
] as const;

/** A predicate for a correlation filter: everything it names must be equal. Property names ignore case. */
export function correlationMatcher(filter: CorrelationFilter): (content: MessageContent) => boolean {
  const fields = FIELDS.flatMap(([name, index]) => {
    const expected = filter[name];
    return expected === undefined ? [] : [{ index, expected }];
  });
  const properties = [...filter.properties].map(([name, expected]) => ({ name, folded: name.toLowerCase(), expected }));
  return (content) =>
    fields.every(({ index, expected }) => {
      const actual = content.properties[index];
      return actual !== null && actual !== undefined && String(actual) === expected;
    }) && properties.every(({ name, folded, expected }) => same(propertyOf(content, name, folded), expected));
}

/** An application property by name, whose case does not matter. */
export function propertyOf(content: MessageContent, name: string, folded: string): Value | undefined {
  const { applicationProperties } = content;
  const exact = applicationProperties.get(name);
  if (exact !== undefined) return exact;
  for (const [key, value] of applicationProperties) if (key.toLowerCase() === folded) return value;
  return undefined;
}

function same(actual: Value | undefined, expected: FilterValue): boolean {
  if (actual === undefined || actual === null) return false;
  if (expected instanceof Date) return comparable(actual) === expected.getTime();
  if (typeof expected === 'string')
    return actual instanceof Uuid ? actual.toString() === expected : actual === expected;
  if (typeof expected === 'boolean') return actual === expected;
  return (typeof actual === 'number' || typeof actual === 'bigint') && Number(actual) === Number(expected);
}

function comparable(value: Value): Value {
  return value instanceof Date ? value.getTime() : value;
}
