// Jest runs tests in a realm of their own, where the TypeError that Node.js's TextDecoder throws is not `TypeError`: here it is.
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
