// Placeholder for a part of a package that a bundle never uses: it can be imported, and throws when used.

/**
 * @param {string} name of what is left out
 * @param {string} file that has it
 * @returns {any} may be imported and tested with `instanceof`; every use throws
 */
export function absent(name, file) {
  const refuse = () => {
    throw new Error(`${name} of ${file} is excluded from this bundle; see build/lean-azure.mjs.`);
  };
  return new Proxy(class {}, {
    apply: refuse,
    construct: refuse,
    get: (target, key) => (typeof key === 'symbol' || key === 'prototype' ? Reflect.get(target, key) : refuse()),
  });
}
