// A log that keeps its lines for a test to look at.
import type { JsonObject } from '../../core/ports/json.ts';
import type { Log } from '../../core/ports/log.ts';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: JsonObject;
}

export class RecordingLog implements Log {
  readonly lines: LogLine[] = [];

  info(message: string, fields: JsonObject = {}): void {
    this.lines.push({ level: 'info', message, fields });
  }

  warn(message: string, fields: JsonObject = {}): void {
    this.lines.push({ level: 'warn', message, fields });
  }

  error(message: string, fields: JsonObject = {}): void {
    this.lines.push({ level: 'error', message, fields });
  }

  /** The messages of one level. */
  messages(level: LogLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }
}
