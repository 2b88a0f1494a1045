// Bodies of the control API: read by the shape that they must have, and made into commands.
import { Refusal } from '../../api/refusal.ts';
import { isName } from '../../cell/identity.ts';
import { parseJson, readBody } from '../../http/body.ts';
import { isJsonObject, type JsonObject } from '../../ports/json.ts';
import { type Shape, shapeFaults } from '../directory/directory-checks.ts';
import type { DirectoryCommand } from '../ports/directory-model.ts';
import { bodyShape, CONTROL_BODY_BYTES, type ControlCommand } from './control-routes.ts';

/** Reads the fields of a command’s body. */
export const readFields = (request: Request, command: ControlCommand) => readShape(request, bodyShape(command));

/** Reads the fields of a body; reports all of their faults at once. */
export async function readShape(request: Request, shape: Shape): Promise<JsonObject> {
  const [mediaType = ''] = (request.headers.get('content-type') ?? '').split(';', 1);
  if (mediaType.trim().toLowerCase() !== 'application/json')
    throw new Refusal('unsupported_media_type', 'Send application/json.');
  const body = parseJson(await readBody(request, CONTROL_BODY_BYTES));
  if (!isJsonObject(body)) throw new Refusal('invalid_body', 'Send an object.');
  const errors = shapeFaults(shape, body).map(({ field, detail }) => ({ pointer: `/${field}`, detail }));
  if (errors.length > 0)
    throw new Refusal('invalid_body', `Invalid fields: ${errors.map(({ pointer }) => pointer).join(', ')}.`, {
      errors,
    });
  return body;
}

/** The command of a body, and its reason. */
export function commandOf(
  { kind, inPath }: ControlCommand,
  id: string,
  { reason, ...fields }: JsonObject,
): { reason: string; command: DirectoryCommand } {
  // Nothing can have such a name. An add command fails with the rule for names instead.
  const shown = JSON.stringify(id.slice(0, 63));
  if (inPath === 'proposal') {
    if (!/^\d{1,15}$/.test(id)) throw new Refusal('unknown_proposal', `There is no change ${shown}.`);
    return { reason: String(reason), command: { kind: 'approve-change', proposal: Number(id) } };
  }
  if (inPath !== undefined && !kind.startsWith('add-') && !isName(id))
    throw new Refusal(`unknown_${inPath}`, `There is no ${inPath} ${shown}.`);
  const named =
    kind === 'add-cell' ? { cell: { ...fields, id } } : { ...fields, ...(inPath !== undefined && { [inPath]: id }) };
  // The fields are those of the command's shape, which the directory validates again.
  return { reason: String(reason), command: { kind, ...named } as unknown as DirectoryCommand };
}
