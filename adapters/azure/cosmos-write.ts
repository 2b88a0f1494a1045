// Writes single documents to a Cosmos DB container, conditional on an etag.
import { PortError } from '../../core/ports/errors.ts';
import type { Expected, Key, NewDocument, Version } from '../../core/ports/store.ts';
import { writeRetrying } from '../../core/store/write-retrying.ts';
import { type Item, isExpired, partsOf, shownEtag, toItem, versionOf } from './cosmos-items.ts';
import { type CosmosContext, isAddressable, newWrite, OWNER_NOT_FOUND, readItem } from './cosmos-read.ts';
import { transactInContainer } from './cosmos-transaction.ts';
import { toPortError } from './errors.ts';

/** The item does not have the version that the write named. */
const PRECONDITION_FAILED = 412;

export async function putInContainer(
  context: CosmosContext,
  document: NewDocument,
  expected: Expected,
): Promise<Version> {
  if (!isAddressable(document.id)) {
    const [version] = await transactInContainer(context, document.partition, [{ kind: 'put', expected, ...document }]);
    return version as Version;
  }
  const item = toItem(document, newWrite(context), context.clock.now());
  return writeRetrying(
    { ...context, toPortError: toWriteError },
    async () => versionOf(await putOnce(context, item, expected), item.x),
    async () => {
      const found = await readItem(context, document);
      return found?.w === item.w ? versionOf(shownEtag(found), found.x) : undefined;
    },
  );
}

export async function deleteFromContainer(context: CosmosContext, key: Key, expected: Version | 'any'): Promise<void> {
  if (!isAddressable(key.id)) {
    await transactInContainer(context, key.partition, [{ kind: 'delete', id: key.id, expected }]);
    return;
  }
  const item = context.container.item(key.id, key.partition);
  await writeRetrying(
    { ...context, toPortError: toWriteError },
    async () => {
      if (expected !== 'any')
        await onVersion(context, key, expected, (accessCondition) => item.delete({ accessCondition }));
      else await item.delete().catch(throwUnlessMissing);
      return true;
    },
    // The document is gone, by our own earlier attempt or another writer; the version will not return.
    async () => ((await readItem(context, key)) === undefined ? true : undefined),
  );
}

async function putOnce(context: CosmosContext, item: Item, expected: Expected): Promise<string> {
  const { container, clock } = context;
  const { items } = container;
  const key = { partition: item.p, id: item.id };
  const replace = async (accessCondition: AccessCondition) =>
    (await container.item(item.id, item.p).replace({ ...item }, { accessCondition })).etag;
  try {
    if (expected === 'any') return (await items.upsert(item)).etag;
    if (expected !== 'absent') return await onVersion(context, key, expected, replace).catch(throwWriteError);
    return (await items.create(item)).etag;
  } catch (error) {
    const portError = toPortError(error);
    if (expected !== 'absent' || portError.code !== 'conflict') throw portError;
    const found = await readItem(context, key);
    if (found === undefined || !isExpired(found, clock.now())) throw portError;
    return await replace(ifMatch(found._etag)).catch(throwWriteError);
  }
}

/** Sends a write conditional on a version. If checks have touched the item since, the shown version is compared. */
async function onVersion<T>(
  context: CosmosContext,
  key: Key,
  expected: Version,
  send: (condition: AccessCondition) => Promise<T>,
): Promise<T> {
  const { etag, x } = partsOf(expected);
  if (x !== undefined && isExpired({ x }, context.clock.now()))
    throw new PortError('conflict', `${key.id} has expired.`);
  for (let condition = etag; ; ) {
    try {
      return await send(ifMatch(condition));
    } catch (error) {
      if ((error as { code?: unknown }).code !== PRECONDITION_FAILED) throw error;
      const found = await readItem(context, key);
      if (found?.v !== etag || found._etag === condition) throw error;
      condition = found._etag;
    }
  }
}

interface AccessCondition {
  readonly type: 'IfMatch';
  readonly condition: string;
}

const ifMatch = (etag: string): AccessCondition => ({ type: 'IfMatch', condition: etag });

/** Whether a write of one item did not find it. */
function isMissing(error: unknown): boolean {
  const { code, substatus } = error as { code?: unknown; substatus?: unknown };
  return code === 404 && substatus !== OWNER_NOT_FOUND;
}

/** A replacement or deletion that does not find its item is a conflict. */
function toWriteError(error: unknown): PortError {
  if (!isMissing(error)) return toPortError(error);
  return new PortError('conflict', 'The document is not there.', { cause: error });
}

function throwWriteError(error: unknown): never {
  throw toWriteError(error);
}

function throwUnlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
