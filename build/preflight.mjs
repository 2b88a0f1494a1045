// What can be wrong with a checkout before any command runs, in sentences that say what to do.

/**
 * What to do about an error of the checkout or of the file system, or `undefined` for every other error.
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function explainFault(error) {
  const { code, path: file, message = '' } = /** @type {NodeJS.ErrnoException} */ (error ?? {});
  const isMissing =
    code === 'ERR_MODULE_NOT_FOUND' ? /Cannot find package/ : code === 'ENOENT' ? /^spawn node_modules\// : undefined;
  if (isMissing?.test(message))
    return 'The dependencies are not installed. Run `npm ci` in the folder of the checkout, then try again.';
  if (file === undefined || !['EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) return undefined;
  const reason = code === 'EROFS' ? 'the file system is read-only' : 'permission denied';
  const fault = `Cannot write ${file.replace(/\.\d+-\d+\.draft$/, '')}: ${reason}.`;
  if (!/[\\/](?:dist|\.polycell)(?:[\\/]|$)/.test(file)) return fault;
  return `${fault} Polycell writes dist/ and .polycell/ in its checkout: make both writable for this user, or use a checkout of your own.`;
}
