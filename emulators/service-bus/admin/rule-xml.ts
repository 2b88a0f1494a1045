// Rules as the administration API writes them.
import type { CorrelationFilter, FilterValue, RuleAction, RuleDescription, RuleFilter } from '../broker/rules.ts';
import { badRequest } from '../errors.ts';
import { child, childText, type Element, escapeXml } from './xml.ts';

const INSTANCE = 'http://www.w3.org/2001/XMLSchema-instance';
const SCHEMA = 'http://www.w3.org/2001/XMLSchema';
const COMPATIBILITY_LEVEL = '<CompatibilityLevel>20</CompatibilityLevel>';

const FIELDS = [
  ['CorrelationId', 'correlationId'],
  ['MessageId', 'messageId'],
  ['To', 'to'],
  ['ReplyTo', 'replyTo'],
  ['Label', 'label'],
  ['SessionId', 'sessionId'],
  ['ReplyToSessionId', 'replyToSessionId'],
  ['ContentType', 'contentType'],
] as const;

/** Reads a rule's description; `name` is the one in the address, if there is one. */
export function readRule(description: Element, name?: string): RuleDescription {
  const filter = readFilter(child(description, 'Filter'));
  const action = readAction(child(description, 'Action'));
  const ruleName = name ?? childText(description, 'Name') ?? '';
  return action === undefined ? { name: ruleName, filter } : { name: ruleName, filter, action };
}

function readFilter(filter: Element | undefined): RuleFilter {
  if (filter === undefined) return { kind: 'true' };
  const type = filter.attributes.get('type') ?? '';
  switch (type) {
    case 'TrueFilter':
      return { kind: 'true' };
    case 'FalseFilter':
      return { kind: 'false' };
    case 'SqlFilter': {
      const expression = childText(filter, 'SqlExpression');
      if (expression === undefined || expression === '') throw badRequest('The SQL filter is empty.');
      return { kind: 'sql', expression, parameters: readPairs(child(filter, 'Parameters')) };
    }
    case 'CorrelationFilter': {
      const fields: { -readonly [K in Exclude<keyof CorrelationFilter, 'kind' | 'properties'>]?: string } = {};
      for (const [element, name] of FIELDS) {
        const value = childText(filter, element);
        if (value !== undefined && value !== '') fields[name] = value;
      }
      return { kind: 'correlation', ...fields, properties: readPairs(child(filter, 'Properties')) };
    }
    default:
      throw badRequest(`There is no filter '${type}'.`);
  }
}

function readAction(action: Element | undefined): RuleAction | undefined {
  const expression = childText(action, 'SqlExpression');
  if (expression === undefined || expression === '') return undefined;
  return { expression, parameters: readPairs(child(action, 'Parameters')) };
}

function readPairs(element: Element | undefined): Map<string, FilterValue> {
  const pairs = new Map<string, FilterValue>();
  for (const pair of element?.children ?? []) {
    const key = childText(pair, 'Key');
    const value = child(pair, 'Value');
    if (key !== undefined && value !== undefined) pairs.set(key, readValue(value));
  }
  return pairs;
}

function readValue(value: Element): FilterValue {
  const type = (value.attributes.get('type') ?? 'string').replace(/^.*:/, '');
  switch (type) {
    case 'string':
      return value.text;
    case 'boolean':
      return value.text.trim().toLowerCase() === 'true';
    case 'dateTime':
      return new Date(value.text);
    case 'int':
    case 'long':
    case 'short':
    case 'double':
    case 'float':
    case 'decimal':
      return Number(value.text);
    default:
      throw badRequest(`The type '${type}' is not known.`);
  }
}

/** The content of a `RuleDescription`. */
export function writeRule({ name, filter, action }: RuleDescription, createdAt: number): string {
  const written =
    action === undefined
      ? '<Action i:type="EmptyRuleAction" />'
      : `<Action i:type="SqlRuleAction"><SqlExpression>${escapeXml(action.expression)}</SqlExpression>${COMPATIBILITY_LEVEL}${writePairs('Parameters', action.parameters)}</Action>`;
  return `${writeFilter(filter)}${written}<CreatedAt>${new Date(createdAt).toISOString()}</CreatedAt><Name>${escapeXml(name)}</Name>`;
}

function writeFilter(filter: RuleFilter): string {
  switch (filter.kind) {
    case 'true':
      return `<Filter i:type="TrueFilter"><SqlExpression>1=1</SqlExpression>${COMPATIBILITY_LEVEL}</Filter>`;
    case 'false':
      return `<Filter i:type="FalseFilter"><SqlExpression>1=0</SqlExpression>${COMPATIBILITY_LEVEL}</Filter>`;
    case 'sql':
      return `<Filter i:type="SqlFilter"><SqlExpression>${escapeXml(filter.expression)}</SqlExpression>${COMPATIBILITY_LEVEL}${writePairs('Parameters', filter.parameters)}</Filter>`;
    default: {
      const fields = FIELDS.map(([element, name]) => {
        const value = filter[name];
        return value === undefined ? '' : `<${element}>${escapeXml(value)}</${element}>`;
      });
      return `<Filter i:type="CorrelationFilter">${fields.join('')}${writePairs('Properties', filter.properties)}</Filter>`;
    }
  }
}

function writePairs(element: string, pairs: ReadonlyMap<string, FilterValue> | undefined): string {
  if (pairs === undefined || pairs.size === 0) return '';
  const written = [...pairs].map(
    ([key, value]) =>
      `<KeyValueOfstringanyType><Key>${escapeXml(key)}</Key>${writeValue(value)}</KeyValueOfstringanyType>`,
  );
  return `<${element}>${written.join('')}</${element}>`;
}

/** Clients cut five characters off the type, so the prefix has to have exactly four and a colon. */
function writeValue(value: FilterValue): string {
  const text = value instanceof Date ? value.toISOString() : String(value);
  return `<Value xmlns:d6p1="${SCHEMA}" xmlns:i="${INSTANCE}" i:type="d6p1:${typeName(value)}">${escapeXml(text)}</Value>`;
}

function typeName(value: FilterValue): string {
  if (value instanceof Date) return 'dateTime';
  if (typeof value === 'boolean' || typeof value === 'string') return typeof value;
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 'int' : 'double';
}
