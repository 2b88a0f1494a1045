// The rule operations of `$management`, and the described types that rules travel in.
import { described, type Encodable, encodable, list, map } from '../amqp/encode.ts';
import { entry, numberOr, text, type Value } from '../amqp/values.ts';
import type { Subscription } from '../broker/entities.ts';
import type { CorrelationFilter, FilterValue, Rule, RuleAction, RuleFilter } from '../broker/rules.ts';
import { CONDITION, entityNotFound, ServiceBusError } from '../errors.ts';
import { type Call, noContent, ok } from './management-call.ts';
import type { Response } from './request-response.ts';

/** Descriptors of the service's own types. */
const DESCRIPTOR = {
  rule: 0x137_0000_0004,
  emptyAction: 0x137_0000_0005,
  sqlAction: 0x137_0000_0006,
  sqlFilter: 0x13_7000_0006,
  trueFilter: 0x13_7000_0007,
  falseFilter: 0x13_7000_0008,
  correlationFilter: 0x13_7000_0009,
} as const;

/** Adds a rule to a subscription. */
export function addRule(call: Call): Response {
  const description = entry(call.body, 'rule-description');
  const expression = text(entry(entry(description, 'sql-rule-action'), 'expression'));
  const action: RuleAction | undefined = expression === undefined ? undefined : { expression };
  const name = ruleName(call.body);
  const filter = readFilter(description);
  call.namespace.addRule(subscriptionOf(call), action === undefined ? { name, filter } : { name, filter, action });
  return ok();
}

/** Removes a rule. */
export function removeRule(call: Call): Response {
  const name = ruleName(call.body);
  if (!call.namespace.removeRule(subscriptionOf(call), name)) throw entityNotFound(`${call.address}/Rules/${name}`);
  return ok();
}

/** Lists the rules of a subscription by name. */
export function enumerateRules(call: Call): Response {
  const skip = numberOr(entry(call.body, 'skip'), 0);
  const top = numberOr(entry(call.body, 'top'), Number.MAX_SAFE_INTEGER);
  const rules = subscriptionOf(call)
    .sortedRules()
    .slice(skip, skip + top);
  if (rules.length === 0) return noContent();
  return ok(map([['rules', list(rules.map((rule) => map([['rule-description', describeRule(rule)]])))]]));
}

function subscriptionOf({ target, namespace, address }: Call): Subscription {
  const subscription = target.kind === 'store' ? namespace.subscriptionOf(target.receivable) : undefined;
  if (subscription === undefined)
    throw new ServiceBusError(CONDITION.notAllowed, `Rules belong to subscriptions; '${address}' is none.`);
  return subscription;
}

function ruleName(body: Value): string {
  const name = text(entry(body, 'rule-name'));
  if (name === undefined || name === '') throw new ServiceBusError(CONDITION.argumentError, 'The rule has no name.');
  return name;
}

const FIELDS = [
  ['correlation-id', 'correlationId'],
  ['message-id', 'messageId'],
  ['to', 'to'],
  ['reply-to', 'replyTo'],
  ['label', 'label'],
  ['session-id', 'sessionId'],
  ['reply-to-session-id', 'replyToSessionId'],
  ['content-type', 'contentType'],
] as const;

function readFilter(description: Value | undefined): RuleFilter {
  const expression = text(entry(entry(description, 'sql-filter'), 'expression'));
  if (expression !== undefined) return { kind: 'sql', expression };
  const correlation = entry(description, 'correlation-filter');
  if (!(correlation instanceof Map)) return { kind: 'true' };
  const fields: { -readonly [K in Exclude<keyof CorrelationFilter, 'kind' | 'properties'>]?: string } = {};
  for (const [wireName, name] of FIELDS) {
    const value = entry(correlation, wireName);
    if (value !== null && value !== undefined) fields[name] = String(value);
  }
  const properties = new Map<string, FilterValue>();
  const given = entry(correlation, 'properties');
  if (given instanceof Map)
    for (const [name, value] of given) properties.set(String(name), filterValue(String(name), value));
  return { kind: 'correlation', ...fields, properties };
}

function filterValue(name: string, value: Value): FilterValue {
  if (value instanceof Date) return value;
  if (value !== null && typeof value !== 'object') return value;
  throw new ServiceBusError(CONDITION.argumentError, `The property '${name}' of the filter has no simple type.`);
}

function describeRule(rule: Rule): Encodable {
  const action =
    rule.action === undefined
      ? described(DESCRIPTOR.emptyAction, list([]))
      : described(DESCRIPTOR.sqlAction, list([rule.action.expression]));
  return described(DESCRIPTOR.rule, list([describeFilter(rule.filter), action, rule.name]));
}

function describeFilter(filter: RuleFilter): Encodable {
  switch (filter.kind) {
    case 'true':
      return described(DESCRIPTOR.trueFilter, list([]));
    case 'false':
      return described(DESCRIPTOR.falseFilter, list([]));
    case 'sql':
      return described(DESCRIPTOR.sqlFilter, list([filter.expression]));
    default: {
      const fields: Encodable[] = FIELDS.map(([, name]) => filter[name] ?? null);
      const properties: [string, Encodable][] = [...filter.properties].map(([name, value]) => [name, encodable(value)]);
      return described(DESCRIPTOR.correlationFilter, list([...fields, map(properties)]));
    }
  }
}
