// Jest runs tests in a realm of their own; these repairs make what Node.js throws there an error here too.
import { types } from 'node:util';

const ordinary = Function.prototype[Symbol.hasInstance];

Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return ordinary.call(this, value) || (this === Error && types.isNativeError(value));
  },
});

/** Node.js's decoder throws its own realm's TypeError. */
const NodeTextDecoder = globalThis.TextDecoder;

globalThis.TextDecoder = class extends NodeTextDecoder {
  override decode(...input: Parameters<InstanceType<typeof NodeTextDecoder>['decode']>): string {
    try {
      return super.decode(...input);
    } catch (cause) {
      throw new TypeError(cause instanceof Object && 'message' in cause ? String(cause.message) : 'not decodable', {
        cause,
      });
    }
  }
};
