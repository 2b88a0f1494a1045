// What every kind of credentials promises, clause by clause; core/edge/ports/credentials.ts says the same in words.
import fc from 'fast-check';
import type { Authentication, Caller, Credentials } from '../../core/edge/ports/credentials.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { type Clause, codeOf, PROPERTY_SEED, runContract } from './contract.ts';

export interface CredentialsHarness {
  readonly credentials: Credentials;
  readonly clock: FakeClock;
  /** Requests that present a valid credential of this kind, and who they come from. */
  readonly valid: readonly { readonly request: Request; readonly caller: Caller }[];
  /** Milliseconds from the start after which the first of them is certainly over. */
  readonly lifeMs: number;
  /** A request that presents `text` where this kind of credential is presented. */
  presenting(text: string): Request;
  /** Takes away what verifying needs: keys, lists. */
  disconnect(): void;
  heal(): void;
  close(): Promise<void>;
}

const first = ({ valid }: CredentialsHarness) => {
  const [one] = valid;
  if (one === undefined) throw new TypeError('The harness has no valid credential.');
  return one;
};

const remembered = async ({ credentials }: CredentialsHarness, request: Request): Promise<Authentication> => {
  await credentials.authenticate(request);
  const again = credentials.authenticate(request);
  if (!('status' in again)) throw new TypeError('A remembered credential took a promise.');
  return again;
};

const clauses = {
  'a request without this kind of credential is reported as such, without a promise': async ({ credentials }) => {
    expect(credentials.authenticate(new Request('https://edge.example/v1/devices'))).toEqual({ status: 'absent' });
  },
  'each valid credential is its own caller’s, the first time and from memory': async (harness) => {
    const { credentials, valid } = harness;
    for (const { request, caller } of valid)
      expect(await credentials.authenticate(request)).toEqual({ status: 'accepted', caller });
    for (const { request, caller } of valid)
      expect(await remembered(harness, request)).toEqual({ status: 'accepted', caller });
  },
  'a credential that is remembered is over when its time is': async (harness) => {
    const { request } = first(harness);
    expect((await remembered(harness, request)).status).toBe('accepted');
    harness.clock.jump(harness.lifeMs);
    expect(await harness.credentials.authenticate(request)).toEqual({ status: 'refused', reason: 'it has expired' });
  },
  'a credential that is remembered is not valid before its time either': async (harness) => {
    const { request } = first(harness);
    expect((await remembered(harness, request)).status).toBe('accepted');
    harness.clock.jump(-7_200_000);
    expect(await harness.credentials.authenticate(request)).toEqual({
      status: 'refused',
      reason: 'it is not valid yet',
    });
  },
  'whatever else is presented is refused, and nothing of it comes back': async ({ credentials, presenting }) => {
    const text = fc.string({ unit: fc.constantFrom(...'ABCabc019+/=._- '), minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(text, async (presented) => {
        const request = presenting(presented);
        const result = await credentials.authenticate(request);
        expect(result.status).toBe(
          presented.trim() === '' && request.headers.get('authorization') === null ? 'absent' : 'refused',
        );
        if (result.status === 'refused' && presented.length > 20) expect(result.reason).not.toContain(presented);
      }),
      { seed: PROPERTY_SEED, numRuns: 300 },
    );
  },
  'while verification is impossible, it rejects with `unavailable` instead of refusing, and recovers': async (
    harness,
  ) => {
    const { request, caller } = first(harness);
    harness.disconnect();
    expect(await codeOf(Promise.resolve(harness.credentials.authenticate(request)))).toBe('unavailable');
    harness.heal();
    harness.clock.jump(60_000);
    expect(await harness.credentials.authenticate(request)).toEqual({ status: 'accepted', caller });
  },
  'what has been verified outlives what verifying needs': async (harness) => {
    const { request, caller } = first(harness);
    await harness.credentials.authenticate(request);
    harness.disconnect();
    harness.clock.jump(600_000);
    expect(await harness.credentials.authenticate(request)).toEqual({ status: 'accepted', caller });
  },
} satisfies Record<string, Clause<CredentialsHarness>>;

/** Runs the clauses with credentials of one kind. */
export const credentialsContract = (kind: string, open: () => Promise<CredentialsHarness>): void =>
  runContract(`credentials: ${kind}`, clauses, open);
