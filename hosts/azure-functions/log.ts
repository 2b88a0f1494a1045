// The host's log: one entry per log line of the app, of its worker, or of the host itself.

/** Levels as the Functions runtime names them. */
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';

/** One line of log. */
export interface LogEntry {
  readonly level: LogLevel;
  /** `user`: context.log; `console`: console.log or stdout; `system`: the library or the worker; `host`: this host. */
  readonly category: 'user' | 'console' | 'system' | 'host';
  readonly message: string;
  /** The function it belongs to, where that is known. */
  readonly functionName?: string;
  readonly invocationId?: string;
  /** Name or code of the error that it is about. */
  readonly error?: string;
}

/** Receives every entry; must not throw. */
export type Log = (entry: LogEntry) => void;

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical'];

/** A level that came from the app, or `information` for one that does not exist. */
export function asLogLevel(level: unknown): LogLevel {
  return LEVELS.find((known) => known === level) ?? 'information';
}

/** The default log: warnings and worse, and everything the app itself says, on stderr. */
export const stderrLog: Log = ({ level, category, message, functionName, invocationId }) => {
  const fromApp = category === 'user' || category === 'console';
  if (!fromApp && LEVELS.indexOf(level) < LEVELS.indexOf('warning')) return;
  const where =
    functionName === undefined ? 'functions host' : `${functionName} ${invocationId?.slice(0, 8) ?? ''}`.trim();
  process.stderr.write(`[${where}] ${level}: ${message}\n`);
};
