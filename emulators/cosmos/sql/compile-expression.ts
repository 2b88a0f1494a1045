// Turns expressions into closures; everything that depends only on the text is decided once.
import { queryError } from '../errors.ts';
import { isObject, type Json, type JsonObject, ownProperty, setProperty, type Value } from '../json.ts';
import { AGGREGATES, type Expr, type Query } from './ast.ts';
import { builtIn } from './functions/index.ts';
import { like } from './like.ts';
import { Meter } from './meter.ts';
import { allOf, anyOf, BINARY, isIn, not } from './operators.ts';

/** What an expression is evaluated against. */
export interface Env {
  /** Values of the aliases in scope, by slot. */
  readonly slots: Value[];
  readonly params: ReadonlyMap<string, Value>;
  /** Results of the aggregates of the current group, by index. */
  aggregates: readonly Value[];
  /** Milliseconds; the same for the whole query. */
  readonly now: number;
  /** Counts the work of the request. */
  readonly meter: Meter;
}

/** An environment for one request. */
export const makeEnv = (params: ReadonlyMap<string, Value>, now: number, meter: Meter = new Meter()): Env => ({
  slots: [],
  params,
  aggregates: [],
  now,
  meter,
});

/** A compiled expression. */
export type Evaluate = (env: Env) => Value;

/** An aggregate call found while compiling. */
export interface AggregateCall {
  readonly name: string;
  readonly argument: Evaluate;
}

/** Names in scope and where compile-time findings are collected. */
export interface Scope {
  readonly aliases: ReadonlyMap<string, number>;
  /** Shared by a query and its subqueries. */
  readonly unit: CompileUnit;
  /** Where aggregates are collected; undefined where they are not allowed. */
  readonly aggregates: AggregateCall[] | undefined;
}

/** One compilation: slot allocation, parameters used, and the compiler of subqueries. */
export interface CompileUnit {
  nextSlot: number;
  /** JOINs so far, those of subqueries included. */
  joins: number;
  readonly params: Set<string>;
  readonly subquery: (query: Query, scope: Scope) => (env: Env) => Json[];
}

/** Compiles an expression in a scope. */
export function compileExpression(expr: Expr, scope: Scope): Evaluate {
  switch (expr.k) {
    case 'const': {
      const { value } = expr;
      return () => value;
    }
    case 'param': {
      const { name } = expr;
      scope.unit.params.add(name);
      return (env) => env.params.get(name);
    }
    case 'ref': {
      const slot = scope.aliases.get(expr.name);
      if (slot === undefined) {
        throw queryError('SC2001', `Identifier '${expr.name}' could not be resolved.`, {
          start: expr.start,
          end: expr.end,
        });
      }
      return (env) => env.slots[slot];
    }
    case 'get':
      return compileGet(expr.of, expr.key, scope);
    case 'unary':
      return compileUnary(expr.op, compileExpression(expr.arg, scope));
    case 'binary':
      return compileBinary(expr, scope);
    case 'in': {
      const arg = compileExpression(expr.arg, scope);
      const list = expr.list.map((item) => compileExpression(item, scope));
      return (env) =>
        isIn(
          arg(env),
          list.map((item) => item(env)),
          env.meter,
        );
    }
    case 'logic': {
      const items = expr.items.map((item) => compileExpression(item, scope));
      return expr.op === 'AND' ? (env) => allOf(items, env) : (env) => anyOf(items, env);
    }
    case 'between': {
      const arg = compileExpression(expr.arg, scope);
      const low = compileExpression(expr.low, scope);
      const high = compileExpression(expr.high, scope);
      return (env) => {
        const value = arg(env);
        const above = BINARY['>='](value, low(env), env.meter);
        const below = BINARY['<='](value, high(env), env.meter);
        if (above === false || below === false) return false;
        return above === true && below === true ? true : undefined;
      };
    }
    case 'like': {
      const arg = compileExpression(expr.arg, scope);
      const pattern = compileExpression(expr.pattern, scope);
      const escapeBy = expr.escape === undefined ? undefined : compileExpression(expr.escape, scope);
      return (env) => like(arg(env), pattern(env), escapeBy?.(env), env.meter);
    }
    case 'cond': {
      const test = compileExpression(expr.test, scope);
      const yes = compileExpression(expr.yes, scope);
      const no = compileExpression(expr.no, scope);
      return (env) => (test(env) === true ? yes(env) : no(env));
    }
    case 'array': {
      const items = expr.items.map((item) => compileExpression(item, scope));
      return (env) => items.map((item) => item(env)).filter((value) => value !== undefined);
    }
    case 'object':
      return compileObject(expr.entries, scope);
    case 'call':
      return compileCall(expr, scope);
    case 'subquery': {
      const run = scope.unit.subquery(expr.query, scope);
      if (expr.use === 'ARRAY') return run;
      if (expr.use === 'EXISTS') return (env) => run(env).length > 0;
      return (env) => {
        const rows = run(env);
        // A scalar subquery with several rows has no single value.
        return rows.length === 1 ? rows[0] : undefined;
      };
    }
  }
}

function compileGet(of: Expr, key: Expr, scope: Scope): Evaluate {
  const base = compileExpression(of, scope);
  if (key.k === 'const') {
    const name = key.value;
    if (typeof name === 'string') {
      return (env) => {
        const value = base(env);
        return isObject(value) ? ownProperty(value, name) : undefined;
      };
    }
  }
  const index = compileExpression(key, scope);
  return (env) => {
    const value = base(env);
    const at = index(env);
    if (Array.isArray(value)) return typeof at === 'number' ? value[at] : undefined;
    return isObject(value) && typeof at === 'string' ? ownProperty(value, at) : undefined;
  };
}

function compileUnary(op: 'NOT' | '-' | '+' | '~', arg: Evaluate): Evaluate {
  if (op === 'NOT') return (env) => not(arg(env));
  return (env) => {
    const value = arg(env);
    if (typeof value !== 'number') return undefined;
    if (op === '-') return -value;
    return op === '~' ? ~value : value;
  };
}

function compileBinary(expr: Expr & { k: 'binary' }, scope: Scope): Evaluate {
  const left = compileExpression(expr.left, scope);
  const right = compileExpression(expr.right, scope);
  const { op } = expr;
  if (op === '??') return (env) => coalesce(left(env), () => right(env));
  const apply = BINARY[op];
  return (env) => {
    const a = left(env);
    const b = right(env);
    if (typeof a === 'string' && typeof b === 'string') env.meter.spendOn(a);
    return apply(a, b, env.meter);
  };
}

/** `??` falls through on undefined only; null is a value. */
function coalesce(value: Value, other: () => Value): Value {
  return value === undefined ? other() : value;
}

function compileObject(entries: readonly { key: string; value: Expr }[], scope: Scope): Evaluate {
  const compiled = entries.map(({ key, value }) => ({ key, value: compileExpression(value, scope) }));
  return (env) => {
    const object: JsonObject = {};
    for (const { key, value } of compiled) {
      const result = value(env);
      if (result !== undefined) setProperty(object, key, result);
    }
    return object;
  };
}

function compileCall(expr: Expr & { k: 'call' }, scope: Scope): Evaluate {
  const { name, start, end } = expr;
  if (AGGREGATES.has(name)) {
    const calls = scope.aggregates;
    const [argument] = expr.args;
    if (expr.args.length !== 1 || argument === undefined) {
      throw queryError('SC2050', `The ${name} function requires 1 argument(s).`, { start, end });
    }
    if (calls === undefined) {
      throw queryError('SC2101', `The aggregate ${name} is not allowed here.`, { start, end });
    }
    const index = calls.length;
    calls.push({ name, argument: compileExpression(argument, { ...scope, aggregates: undefined }) });
    return (env) => env.aggregates[index];
  }
  const implementation = builtIn(name, expr.args.length, { start, end });
  const args = expr.args.map((arg) => compileExpression(arg, scope));
  return (env) => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = arg(env);
      env.meter.spendOn(value);
      values.push(value);
    }
    return implementation.call(values, env);
  };
}
