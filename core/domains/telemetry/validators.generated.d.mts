// The shape of the compiled validators.
import type { CompiledValidator } from '../../events/registry.ts';

/** Event type → validator of its `data`. */
export declare const validators: Readonly<Record<string, CompiledValidator>>;
