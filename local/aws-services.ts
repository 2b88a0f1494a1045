// The servers that stand for AWS's own in one cell: those that keep what is stored and queued while functions come and go.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DynamoDbEmulator } from '../emulators/dynamodb/dynamodb-emulator.ts';
import { SnsSqsEmulator } from '../emulators/sns-sqs/sns-sqs-emulator.ts';
import type { Endpoints } from './endpoints.ts';

export interface AwsServicesOptions {
  /** The cell. */
  readonly id: string;
  readonly region: string;
  /** Folder that keeps the state; in memory without it. */
  readonly folder: string | undefined;
  /** Servers to use in place of the own emulators. */
  readonly endpoints: Endpoints;
  /** Called when one of them ends unexpectedly. */
  readonly onDeath: (reason: string) => void;
}

/** Where the services are. */
export interface AwsServiceAddresses {
  readonly dynamodb: string;
  readonly sns: string;
  readonly sqs: string;
  /** Whether what was in the queues may be lost, so that the whole stream has to be published again. */
  readonly replay: boolean;
}

export class AwsServices {
  readonly #options: AwsServicesOptions;
  readonly #emulators: (DynamoDbEmulator | SnsSqsEmulator)[] = [];

  constructor(options: AwsServicesOptions) {
    this.#options = options;
  }

  async start(): Promise<AwsServiceAddresses> {
    const { id, region, folder, endpoints, onDeath } = this.#options;
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    const died = (part: string) => ({
      onUnexpectedExit: (reason: string) => onDeath(`${id}: ${part} ended: ${reason}`),
    });
    let { dynamodb, sns, sqs } = endpoints;
    let replay = true;
    if (dynamodb === undefined) {
      const emulator = new DynamoDbEmulator({
        ...(folder !== undefined && { dbPath: path.join(folder, 'dynamodb.sqlite') }),
        ...died('the DynamoDB emulator'),
      });
      this.#emulators.push(emulator);
      await emulator.start();
      dynamodb = emulator.endpoint;
    }
    if (sns === undefined || sqs === undefined) {
      const emulator = new SnsSqsEmulator({
        region,
        ...(folder !== undefined && { dataDir: folder }),
        ...died('the SNS and SQS emulator'),
      });
      this.#emulators.push(emulator);
      await emulator.start();
      sns ??= emulator.endpoint;
      sqs ??= emulator.endpoint;
      replay = !emulator.cleanStart;
    }
    return { dynamodb, sns, sqs, replay };
  }

  /** Ends them in the reverse order of their start. */
  async stop(): Promise<void> {
    for (const emulator of this.#emulators.splice(0).reverse()) await emulator.stop();
  }

  /** Ends them by SIGKILL. */
  async kill(): Promise<void> {
    await Promise.all(this.#emulators.splice(0).map((emulator) => emulator.kill()));
  }
}
