// The rule operations of `$management`, and the described types that rules travel in.

import { type Call, ok } from './management.ts';
import type { Response } from './request-response.ts';
export function addRule(_c: Call): Response {
  return ok();
}
export function removeRule(_c: Call): Response {
  return ok();
}
export function enumerateRules(_c: Call): Response {
  return ok();
}
