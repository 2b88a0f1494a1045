// How SQL expressions fail: when they are read, and when they are evaluated.

/** The expression does not follow the grammar. */
export class SqlSyntaxError extends Error {
  override name = 'SqlSyntaxError';
}

/** The expression could not be evaluated, as when it divides by zero. */
export class SqlEvaluationError extends Error {
  override name = 'SqlEvaluationError';
}
