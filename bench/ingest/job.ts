// The job that every contender of `ingest` does: the same requests, and the same items in the end.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { toItem } from '../../adapters/aws/dynamodb-items.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import type { PrivateKey } from '../../core/ports/keys.ts';
import type { Version } from '../../core/ports/store.ts';
import { toEvent } from '../../hosts/http-api/payload.ts';
import { makeRouteKeys } from '../../local/route-keys.ts';
import { reading, recentMinute, TENANT } from '../kit/events.ts';

/** A round's requests of one event or of a batch, as events and as the text of their bodies. */
export interface Round {
  readonly requests: readonly { readonly events: readonly CloudEvent[]; readonly body: string }[];
  readonly events: number;
}

export interface Shape {
  readonly name: string;
  /** Events of a request; a single event is sent as such, not as a batch of one. */
  readonly batch: number;
  /** Bytes of an event's JSON. */
  readonly bytes: number;
  /** Requests of a round. */
  readonly requests: number;
}

export const DEVICES = 50;
export const CELL = 'bench-cell';
export const ENDPOINT = 'https://api.example.com';
export const OURS = 'polycell';

/** Makes a round's requests; no event of it is in any other round. */
export function makeRound({ name, batch, bytes, requests }: Shape, round: number): Round {
  const minute = recentMinute();
  const made = Array.from({ length: requests }, (_, request) => {
    const events = Array.from({ length: batch }, (_, index) => {
      const number = request * batch + index;
      return reading({
        id: `${name}-${String(round).padStart(3, '0')}-${String(number).padStart(6, '0')}`,
        device: `device-${(number % DEVICES) + 1}`,
        // Never a whole second: see the sizes that `ingest` reports.
        time: minute + (number % 59) * 1000 + (number % 999) + 1,
        value: 20 + (number % 40) / 4,
        bytes,
      });
    });
    return { events, body: JSON.stringify(batch === 1 ? events[0] : events) };
  });
  return { requests: made, events: requests * batch };
}

/** The item that an event becomes, in the form our own store gives it. */
export function itemOf(event: CloudEvent): Record<string, AttributeValue> {
  return toItem(toLogDocument(TENANT, event), randomIds.next().slice(0, 16) as Version);
}

/** The request as API Gateway would hand it to a function. */
export function gatewayEvent(body: string, batch: boolean, token: string): APIGatewayProxyEventV2 {
  const contentType = batch ? 'application/cloudevents-batch+json' : 'application/cloudevents+json';
  const event = toEvent(
    {
      method: 'POST',
      target: '/v1/events',
      httpVersion: '1.1',
      rawHeaders: [
        ...['Host', 'api.example.com', 'User-Agent', 'bench', 'Content-Type', contentType],
        ...['Content-Length', String(Buffer.byteLength(body)), 'X-Polycell-Route', token],
      ],
      body: Buffer.from(body),
      sourceIp: '127.0.0.1',
    },
    {
      apiId: 'bench',
      accountId: '000000000000',
      requestId: 'bench',
      now: Date.now(),
      traceId: 'Root=1-0-0',
      port: 443,
    },
  );
  return event as APIGatewayProxyEventV2;
}

/** Sends each request with a token that is still good; one token serves for half its life, as the edge has it. */
export async function tokens(): Promise<{ publicKeys: string; identityKey: PrivateKey; token: () => Promise<string> }> {
  const keys = await makeRouteKeys(systemClock);
  let until = 0;
  let current = '';
  return {
    publicKeys: JSON.stringify(keys.publicKeys),
    // Any key will do where no proof of identity is asked for.
    identityKey: keys.privateKey,
    async token() {
      if (Date.now() >= until) {
        current = await keys.mint({ tenant: TENANT, cell: CELL, endpoint: ENDPOINT, scopes: ['ingest'] });
        until = Date.now() + 30_000;
      }
      return current;
    },
  };
}

/** Throws unless a request was answered as one whose events are all stored. */
export function expectStored(statusCode: number | undefined, body: string | undefined, events: number): void {
  const { accepted } = JSON.parse(body ?? '{}') as { accepted?: number };
  if (statusCode !== 202 || accepted !== events)
    throw new Error(`A request of ${events} events was answered ${statusCode}: ${body?.slice(0, 300)}`);
}
