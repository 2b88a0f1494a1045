// Turns the description of a rule into something that can be run on messages.
import { double, type Encodable, long, timestamp } from '../amqp/encode.ts';
import { type MessageContent, PROPERTY } from '../amqp/message.ts';
import { Uuid, type Value } from '../amqp/values.ts';
import { CONDITION, ServiceBusError } from '../errors.ts';
import type { PropertyReference, Statement } from '../sql/ast.ts';
import { SqlSyntaxError } from '../sql/errors.ts';
import { type MutableScope, matches, runAction, type Scope, type SqlValue } from '../sql/evaluate.ts';
import { parseAction, parseFilter } from '../sql/parser.ts';
import { type Arrival, correlationMatcher, propertyOf, type Rule, type RuleDescription } from './rules.ts';
import type { Limits } from './settings.ts';

/** The properties section as `sys.` names it. */
const SYSTEM_FIELDS = new Map<string, number>([
  ['messageid', PROPERTY.messageId],
  ['to', PROPERTY.to],
  ['label', PROPERTY.subject],
  ['subject', PROPERTY.subject],
  ['replyto', PROPERTY.replyTo],
  ['correlationid', PROPERTY.correlationId],
  ['contenttype', PROPERTY.contentType],
  ['contentencoding', PROPERTY.contentEncoding],
  ['sessionid', PROPERTY.groupId],
  ['replytosessionid', PROPERTY.replyToGroupId],
]);

/** Compiles a rule; throws a ServiceBusError that says what is wrong with it. */
export function compileRule(description: RuleDescription, limits: Limits, createdAt: number): Rule {
  const { filter, action } = description;
  return {
    ...description,
    createdAt,
    matches: filterMatcher(filter, limits),
    apply: action === undefined ? undefined : actionRunner(action, limits, description.name),
  };
}

function filterMatcher(filter: RuleDescription['filter'], limits: Limits): Rule['matches'] {
  switch (filter.kind) {
    case 'true':
      return () => true;
    case 'false':
      return () => false;
    case 'correlation':
      return correlationMatcher(filter);
    default: {
      const { expression, parameters = new Map() } = filter;
      const parsed = parsing('filter', expression, limits.sqlFilterLength, parseFilter);
      return (content, arrival) => matches(parsed, new MessageScope(content, arrival), parameters);
    }
  }
}

function actionRunner(
  action: NonNullable<RuleDescription['action']>,
  limits: Limits,
  rule: string,
): NonNullable<Rule['apply']> {
  const { expression, parameters = new Map<string, SqlValue>() } = action;
  const statements = parsing('action', expression, limits.sqlActionLength, parseAction);
  for (const { kind, property } of statements) checkWritable(kind, property);
  return (content, arrival) => {
    const scope = new EditScope(content, arrival);
    runAction(statements, scope, parameters);
    // The rule's name distinguishes copies made by rules with actions.
    scope.application.set('RuleName', rule);
    return content.with(scope.application, scope.fields);
  };
}

function parsing<T>(what: string, expression: string, limit: number, parse: (source: string) => T): T {
  if (expression.length > limit)
    throw new ServiceBusError(CONDITION.argumentError, `The SQL ${what} is longer than ${limit} characters.`);
  try {
    return parse(expression);
  } catch (error) {
    if (error instanceof SqlSyntaxError) throw new ServiceBusError(CONDITION.argumentError, error.message);
    throw error;
  }
}

function checkWritable(kind: Statement['kind'], property: PropertyReference): void {
  if (property.scope === 'user') return;
  if (kind === 'remove' || !SYSTEM_FIELDS.has(property.folded))
    throw new ServiceBusError(
      CONDITION.argumentError,
      `The system property 'sys.${property.name}' cannot be ${kind === 'remove' ? 'removed' : 'set'}.`,
    );
}

/** A message's properties, as a filter reads them. */
class MessageScope implements Scope {
  protected readonly content: MessageContent;
  private readonly arrival: Arrival;

  constructor(content: MessageContent, arrival: Arrival) {
    this.content = content;
    this.arrival = arrival;
  }

  get(property: PropertyReference): SqlValue {
    if (property.scope === 'user') return sqlValue(propertyOf(this.content, property.name, property.folded));
    const field = SYSTEM_FIELDS.get(property.folded);
    if (field !== undefined) return sqlValue(this.content.properties[field]);
    return this.special(property.folded);
  }

  private special(name: string): SqlValue {
    switch (name) {
      case 'sequencenumber':
      case 'enqueuedsequencenumber':
        return this.arrival.sequenceNumber;
      case 'enqueuedtimeutc':
        return new Date(this.arrival.enqueuedTime);
      case 'partitionkey':
        return this.content.partitionKey ?? null;
      case 'timetolive':
        return this.content.ttlMs ?? null;
      case 'scheduledenqueuetimeutc': {
        const at = this.content.scheduledFor;
        return at === undefined ? null : new Date(at);
      }
      default:
        return null;
    }
  }
}

/** A message's properties while an action changes them: later statements see what earlier ones did. */
class EditScope extends MessageScope implements MutableScope {
  readonly application = new Map<string, Encodable>();
  readonly fields = new Map<number, Encodable>();
  private readonly changed = new Map<string, SqlValue>();

  override get(property: PropertyReference): SqlValue {
    const changed = this.changed.get(`${property.scope}.${property.folded}`);
    return changed === undefined ? super.get(property) : changed;
  }

  set(property: PropertyReference, value: SqlValue): void {
    this.changed.set(`${property.scope}.${property.folded}`, value);
    const field = property.scope === 'sys' ? SYSTEM_FIELDS.get(property.folded) : undefined;
    if (field !== undefined) this.fields.set(field, value === null ? null : String(value));
    else this.application.set(this.existingName(property), encodeValue(value));
  }

  remove(property: PropertyReference): void {
    this.changed.set(`${property.scope}.${property.folded}`, null);
    this.application.set(this.existingName(property), undefined);
  }

  /** Names ignore case: a property that is there keeps the spelling of its sender. */
  private existingName({ name, folded }: PropertyReference): string {
    for (const key of [...this.application.keys(), ...this.content.applicationProperties.keys()])
      if (key.toLowerCase() === folded) return key;
    return name;
  }
}

function sqlValue(value: Value | undefined): SqlValue {
  if (value === undefined || value === null) return null;
  if (value instanceof Uuid) return value.toString();
  if (value instanceof Date) return value;
  return typeof value === 'object' ? null : value;
}

function encodeValue(value: SqlValue): Encodable {
  if (typeof value === 'number') return Number.isInteger(value) ? long(value) : double(value);
  if (typeof value === 'bigint') return long(value);
  return value instanceof Date ? timestamp(value.getTime()) : value;
}
