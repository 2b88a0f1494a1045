// Evaluates parsed filters with SQL's three truth values, and runs actions.
import { randomUUID } from 'node:crypto';
import type { ComparisonOperator, Node, PropertyReference, Statement } from './ast.ts';
import { SqlEvaluationError } from './errors.ts';
import { likeMatcher } from './like.ts';

/** A value in an expression; null stands for NULL and for properties that are absent. */
export type SqlValue = string | number | bigint | boolean | Date | null;

/** The properties of a message as expressions see them. */
export interface Scope {
  get(property: PropertyReference): SqlValue;
}

/** Where an action writes. */
export interface MutableScope extends Scope {
  set(property: PropertyReference, value: SqlValue): void;
  remove(property: PropertyReference): void;
}

export type Parameters = ReadonlyMap<string, SqlValue>;

/** TRUE, FALSE or UNKNOWN. */
type Truth = boolean | null;

/** Whether a message passes a filter: UNKNOWN is not enough. */
export function matches(filter: Node, scope: Scope, parameters: Parameters): boolean {
  return new Evaluation(scope, parameters).truth(filter) === true;
}

/** Runs an action's statements in order. */
export function runAction(statements: readonly Statement[], scope: MutableScope, parameters: Parameters): void {
  const evaluation = new Evaluation(scope, parameters);
  for (const statement of statements) {
    if (statement.kind === 'set') scope.set(statement.property, evaluation.value(statement.value));
    else scope.remove(statement.property);
  }
}

class Evaluation {
  private readonly scope: Scope;
  private readonly parameters: Parameters;

  constructor(scope: Scope, parameters: Parameters) {
    this.scope = scope;
    this.parameters = parameters;
  }

  truth(node: Node): Truth {
    switch (node.kind) {
      case 'and': {
        const left = this.truth(node.left);
        if (left === false) return false;
        const right = this.truth(node.right);
        return right === false ? false : left === null || right === null ? null : true;
      }
      case 'or': {
        const left = this.truth(node.left);
        if (left === true) return true;
        const right = this.truth(node.right);
        return right === true ? true : left === null || right === null ? null : false;
      }
      case 'not':
        return not(this.truth(node.operand));
      case 'compare':
        return compare(node.operator, this.value(node.left), this.value(node.right));
      case 'is-null': {
        const isNull = this.value(node.operand) === null;
        return node.negated ? !isNull : isNull;
      }
      case 'exists':
        return this.scope.get(node.property) !== null;
      case 'in':
        return this.isIn(node);
      case 'like':
        return this.isLike(node);
      default: {
        const value = this.value(node);
        return typeof value === 'boolean' ? value : null;
      }
    }
  }

  value(node: Node): SqlValue {
    switch (node.kind) {
      case 'constant':
        return node.value;
      case 'parameter':
        return this.parameters.get(node.name) ?? null;
      case 'property':
        return this.scope.get(node);
      case 'newid':
        return randomUUID();
      case 'negate': {
        const operand = this.value(node.operand);
        if (operand === null) return null;
        return typeof operand === 'bigint' ? -operand : -requireNumber(operand);
      }
      case 'arithmetic': {
        const left = this.value(node.left);
        const right = this.value(node.right);
        return left === null || right === null ? null : arithmetic(node.operator, left, right);
      }
      default:
        return this.truth(node);
    }
  }

  private isIn(node: Extract<Node, { kind: 'in' }>): Truth {
    const operand = this.value(node.operand);
    let found: Truth = false;
    for (const choice of node.choices) {
      const equal = compare('=', operand, this.value(choice));
      if (equal === true) {
        found = true;
        break;
      }
      if (equal === null) found = null;
    }
    return node.negated ? not(found) : found;
  }

  private isLike(node: Extract<Node, { kind: 'like' }>): Truth {
    const operand = this.value(node.operand);
    const pattern = this.value(node.pattern);
    const escapeBy = node.escapeBy === undefined ? undefined : this.value(node.escapeBy);
    if (typeof operand !== 'string' || typeof pattern !== 'string' || escapeBy === null) return null;
    const found = likeMatcher(pattern, escapeBy === undefined ? undefined : String(escapeBy))(operand);
    return node.negated ? !found : found;
  }
}

function not(truth: Truth): Truth {
  return truth === null ? null : !truth;
}

function compare(operator: ComparisonOperator, left: SqlValue, right: SqlValue): Truth {
  const order = orderOf(left, right);
  if (order === undefined) return null;
  switch (operator) {
    case '=':
      return order === 0;
    case '<>':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

/** Negative, zero or positive; undefined for values that cannot be compared, NULL among them. */
function orderOf(left: SqlValue, right: SqlValue): number | undefined {
  if (left === null || right === null) return undefined;
  if (isNumeric(left) && isNumeric(right)) return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  const leftTime = timeOf(left);
  const rightTime = timeOf(right);
  const dates = left instanceof Date || right instanceof Date;
  return dates && leftTime !== undefined && rightTime !== undefined ? leftTime - rightTime : undefined;
}

function isNumeric(value: SqlValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function timeOf(value: SqlValue): number | undefined {
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

function requireNumber(value: SqlValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  throw new SqlEvaluationError(`The value '${String(value)}' is not a number.`);
}

function arithmetic(operator: '+' | '-' | '*' | '/' | '%', left: SqlValue, right: SqlValue): SqlValue {
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  const a = requireNumber(left);
  const b = requireNumber(right);
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    default: {
      const whole = Number.isInteger(a) && Number.isInteger(b);
      if (whole && b === 0) throw new SqlEvaluationError('Attempted to divide by zero.');
      if (operator === '%') return a % b;
      return whole ? Math.trunc(a / b) : a / b;
    }
  }
}
