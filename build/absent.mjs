// What a bundle holds in place of a part of a package that it never uses: it is there to be imported, and says so when used.

/**
 * @param {string} name of what is left out
 * @param {string} file that has it
 * @returns {any} may be imported and tested with `instanceof`; every use throws
 */
export function absent(name, file) {
  const refuse = () => {
    throw new Error(`${name} of ${file} is left out of this bundle; build/lean-azure.mjs tells why.`);
  };
  return new Proxy(class {}, {
    apply: refuse,
    construct: refuse,
    get: (target, key) => (typeof key === 'symbol' || key === 'prototype' ? Reflect.get(target, key) : refuse()),
  });
}
