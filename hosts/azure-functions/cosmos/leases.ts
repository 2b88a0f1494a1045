// The documents of the lease container, in the shapes that the change feed processor of the .NET SDK writes.
import type { Container, ItemDefinition } from '@azure/cosmos';
import { codeOf } from '../errors.ts';
import type { Timers } from '../timers.ts';
import type { LeaseView } from './balance.ts';

/** A range of partition key hashes. */
export interface KeyRange {
  readonly min: string;
  readonly max: string;
}

/** A lease as this host works with it. */
export interface Lease extends LeaseView {
  readonly range: KeyRange;
  /** The change feed's etag, or undefined before the first checkpoint. */
  readonly continuation: string | undefined;
  readonly document: LeaseDocument;
}

/** A lease as it is stored. */
export interface LeaseDocument extends ItemDefinition {
  id: string;
  partitionKey?: string;
  version: 0;
  LeaseToken: string;
  FeedRange: { Range: { min: string; max: string } };
  Owner: string | null;
  ContinuationToken: string | null;
  properties: Record<string, string>;
  timestamp: string;
  Mode: string;
  _etag?: string;
}

/** Another host has the lease now, or it was split. */
export class LeaseLostError extends Error {
  override name = 'LeaseLostError';
}

/** While one host creates the first leases, the others look again this often (every 15 s on Azure, to the same end). */
const INITIALISING_POLL_MS = 250;
const INITIALISING_LOCK_SECONDS = 30;

/**
 * Reads and writes the leases of one processor. Every update is conditional: of two hosts one wins. Whichever property is
 * the container's partition key, `id` or `partitionKey`, it holds the document's id.
 */
export class LeaseStore {
  readonly #container: Container;
  readonly #prefix: string;
  readonly #partitionPath: string;
  readonly #mode: string;
  readonly #timers: Timers;

  /** @param prefix distinguishes this processor's documents from those of others in the same container */
  constructor(container: Container, prefix: string, partitionPath: string, mode: string, timers: Timers) {
    this.#container = container;
    this.#prefix = prefix;
    this.#partitionPath = partitionPath;
    this.#mode = mode;
    this.#timers = timers;
  }

  /** Creates the first leases unless that was done before; of several hosts one does it. */
  async initialise(ranges: readonly (KeyRange & { token: string })[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.#read(`${this.#prefix}.info`)) === undefined) {
      const locked = await this.#createOnce({ id: `${this.#prefix}.lock`, ttl: INITIALISING_LOCK_SECONDS });
      if (!locked) {
        await this.#timers.sleep(INITIALISING_POLL_MS, signal);
        continue;
      }
      for (const range of ranges) await this.create(range.token, range, undefined);
      await this.#createOnce({ id: `${this.#prefix}.info` });
      await this.#delete(`${this.#prefix}.lock`);
    }
  }

  /** All leases, of any owner. */
  async list(): Promise<Lease[]> {
    const { resources } = await this.#container.items
      .query<LeaseDocument>({
        query: 'SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)',
        parameters: [{ name: '@prefix', value: `${this.#prefix}..` }],
      })
      .fetchAll();
    return resources.map(toLease);
  }

  /** Creates a lease without an owner; an existing one is left alone. */
  async create(token: string, range: KeyRange, continuation: string | undefined): Promise<void> {
    const id = `${this.#prefix}..${token}`;
    const document: LeaseDocument = {
      id,
      version: 0,
      LeaseToken: token,
      FeedRange: { Range: { min: range.min, max: range.max } },
      Owner: null,
      ContinuationToken: continuation ?? null,
      properties: {},
      timestamp: this.#now(),
      Mode: this.#mode,
    };
    await this.#createOnce(document);
  }

  /** Makes `owner` the lease's owner. @throws LeaseLostError if someone was faster */
  async acquire(lease: Lease, owner: string): Promise<Lease> {
    const previous = lease.document.Owner;
    return this.#update(lease, (document) => {
      if (document.Owner !== previous) throw new LeaseLostError(`lease ${lease.id} was taken by another host`);
      return { ...document, Owner: owner };
    });
  }

  /** Shows that the owner is alive. @throws LeaseLostError if it is not the owner any more */
  async renew(lease: Lease): Promise<void> {
    await this.#update(lease, owned(lease));
  }

  /** Records how far the feed was delivered. @throws LeaseLostError if it is not the owner any more */
  async checkpoint(lease: Lease, continuation: string): Promise<void> {
    const check = owned(lease);
    await this.#update(lease, (document) => ({ ...check(document), ContinuationToken: continuation }));
  }

  /** Frees the lease for others. @throws LeaseLostError if it is not the owner any more */
  async release(lease: Lease): Promise<void> {
    const check = owned(lease);
    await this.#update(lease, (document) => ({ ...check(document), Owner: null }));
  }

  /** Removes a lease whose range was split. */
  async remove(lease: Lease): Promise<void> {
    await this.#delete(lease.id);
  }

  async #update(lease: Lease, change: (document: LeaseDocument) => LeaseDocument): Promise<Lease> {
    for (;;) {
      const current = await this.#read(lease.id);
      if (current === undefined) throw new LeaseLostError(`lease ${lease.id} is gone`);
      const next = { ...change(current), timestamp: this.#now() };
      try {
        const item = this.#container.item(lease.id, lease.id);
        const condition = { accessCondition: { type: 'IfMatch', condition: current._etag ?? '' } };
        const { resource } = await item.replace<LeaseDocument>(next, condition);
        return toLease(resource ?? next);
      } catch (error) {
        if (codeOf(error) === 404) throw new LeaseLostError(`lease ${lease.id} is gone`);
        // Another host wrote in between: read it again.
        if (codeOf(error) !== 412) throw error;
      }
    }
  }

  async #read(id: string): Promise<LeaseDocument | undefined> {
    const { resource } = await this.#container.item(id, id).read<LeaseDocument>();
    return resource;
  }

  /** False if it exists already. */
  async #createOnce(document: { id: string; ttl?: number }): Promise<boolean> {
    const partition = this.#partitionPath === '/partitionKey' ? { partitionKey: document.id } : {};
    try {
      await this.#container.items.create({ ...document, ...partition });
      return true;
    } catch (error) {
      if (codeOf(error) === 409) return false;
      throw error;
    }
  }

  async #delete(id: string): Promise<void> {
    try {
      await this.#container.item(id, id).delete();
    } catch (error) {
      if (codeOf(error) !== 404) throw error;
    }
  }

  #now(): string {
    return new Date(this.#timers.now()).toISOString();
  }
}

function owned(lease: Lease): (document: LeaseDocument) => LeaseDocument {
  return (document) => {
    if (document.Owner !== lease.document.Owner)
      throw new LeaseLostError(`lease ${lease.id} was taken by another host`);
    return document;
  };
}

function toLease(document: LeaseDocument): Lease {
  return {
    id: document.id,
    owner: document.Owner === null || document.Owner === '' ? undefined : document.Owner,
    renewedAt: Date.parse(document.timestamp),
    range: document.FeedRange.Range,
    continuation: document.ContinuationToken ?? undefined,
    document,
  };
}
