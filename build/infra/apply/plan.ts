// What a plan wants to change, read from `terraform show -json` (https://developer.hashicorp.com/terraform/internals/json-format).
import { at, canonical, items, type Json, text } from './json.ts';
import type { Found } from './known.ts';

/** In the place of a value that is known only after the apply. */
const LATER = 'known after the apply';

/** `module.cell.aws_sqs_queue.consumer["x"]` → `aws_sqs_queue.consumer`. */
const kindOf = (address: string): string => address.replace(/^(module\.[^.]+\.)+/, '').replace(/\[.*\]$/, '');

/** Every attribute that an apply of this plan would change; for what it would create, delete or replace, one without an attribute. */
export function plannedChanges(plan: Json): readonly Found[] {
  const resources = items(at(plan, 'resource_changes')).flatMap((change) => {
    const about = text(at(change, 'address'));
    return changesOf(kindOf(about), about, at(change, 'change'));
  });
  const outputs = Object.entries((at(plan, 'output_changes') ?? {}) as { readonly [name: string]: Json }).flatMap(
    ([name, change]) => {
      const actions = items(at(change, 'actions')).map(text);
      if (actions.every((action) => action === 'no-op')) return [];
      const whole = { kind: `output.${name}`, about: `output.${name}`, part: '' };
      return [{ ...whole, declared: at(change, 'after') ?? null, seen: at(change, 'before') ?? null }];
    },
  );
  return [...resources, ...outputs];
}

function changesOf(kind: string, about: string, change: Json | undefined): readonly Found[] {
  const actions = items(at(change, 'actions')).map(text);
  if (actions.every((action) => action === 'no-op' || action === 'read')) return [];
  if (actions.join() !== 'update')
    return [
      { kind, about, part: '', declared: actions.join(' and '), seen: actions[0] === 'create' ? 'absent' : 'there' },
    ];
  const before = (at(change, 'before') ?? {}) as { readonly [name: string]: Json };
  const after = (at(change, 'after') ?? {}) as { readonly [name: string]: Json };
  const unknown = (at(change, 'after_unknown') ?? {}) as { readonly [name: string]: Json };
  const names = new Set([...Object.keys(before), ...Object.keys(after), ...Object.keys(unknown)]);
  return [...names].sort().flatMap((part) => {
    const seen = before[part] ?? null;
    const declared = unknown[part] === true ? LATER : (after[part] ?? null);
    return canonical(seen) === canonical(declared) ? [] : [{ kind, about, part, declared, seen }];
  });
}
