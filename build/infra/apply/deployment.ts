// What a run deploys and where, and what the cell's things are called there.
import type { Topology } from '../../../core/cell/topology.ts';
import type { DeclaredCell } from '../declared.ts';
import type { Json } from './json.ts';

/** One row of infra/objectives.json. */
export interface AlarmObjective {
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly evaluations: number;
  readonly breaching: number;
}

/** The content of infra/objectives.json, as far as a cell's alarms go by it. */
export interface Objectives {
  readonly alarms: Readonly<Record<string, AlarmObjective>>;
  readonly consumers: Readonly<Record<string, Readonly<Record<string, AlarmObjective>>>>;
  readonly cells: { readonly stateSeconds: number; readonly lagSeconds: number; readonly rpoSeconds: number };
}

/** What a cell may have besides. */
export const OPTIONS = ['network', 'key', 'concurrency', 'email'] as const;
export type Option = (typeof OPTIONS)[number];

/** What a run deploys, and where. */
export interface Deployment {
  readonly cell: DeclaredCell;
  readonly topology: Topology;
  readonly objectives: Objectives;
  readonly options: ReadonlySet<Option>;
  /** Number of the account that the emulator plays. */
  readonly account: string;
  readonly version: string;
  /** SHA-256 of the packages http, relay and worker in hexadecimal, as SHA256SUMS has them. */
  readonly digests: Readonly<Record<'http' | 'relay' | 'worker', string>>;
  readonly routeKeys: Json;
  readonly identityKey: string;
  readonly edge: string;
  readonly protection: boolean;
}

/** Where alarms go, with the option `email`. */
export const ALARM_ADDRESS = 'alarms@example.com';

/** Names of the cell's things in AWS. */
export class Names {
  readonly #cell: string;
  readonly #place: string;

  constructor({ cell, account }: Pick<Deployment, 'cell' | 'account'>) {
    this.#cell = cell.id;
    this.#place = `${cell.region}:${account}`;
  }

  of = (part: string): string => `${this.#cell}-${part}`;
  queue = (name: string): string => `arn:aws:sqs:${this.#place}:${this.of(name)}`;
  topic = (name: string): string => `arn:aws:sns:${this.#place}:${this.of(name)}`;
  table = (name: string): string => `arn:aws:dynamodb:${this.#place}:table/${this.of(name)}`;
  alias = (name: string): string => `arn:aws:lambda:${this.#place}:function:${this.of(name)}:live`;
  group = (name: string): string => `/aws/lambda/${this.of(name)}`;
  groupArn = (name: string): string => `arn:aws:logs:${this.#place}:log-group:${name}`;
  role = (name: string): string => `arn:aws:iam::${this.#place.split(':')[1]}:role/${this.of(name)}`;
  get endpoint(): string {
    return '{endpoint}';
  }
  get caller(): string {
    return `arn:aws:execute-api:${this.#place}:{api}/*/*`;
  }
}
