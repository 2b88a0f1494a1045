// Excludes from the Azure bundles the parts of the SDKs that no function can reach, given how its clients are created.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Package → its excluded modules. */
const UNUSED = {
  // functions-azure/compose.ts encrypts nothing on the client; adapters/azure/cosmos-client.ts has no plan of a query made, without which none is merged from several ranges;
  // adapters/azure uses `items.bulk`, not the streamer behind `executeBulkOperations`; the platform reads the change feed.
  '@azure/cosmos': [
    'dist/esm/bulk/BulkHelper.js',
    'dist/esm/ChangeFeedIterator.js',
    'dist/esm/client/ChangeFeed/ChangeFeedIteratorBuilder.js',
    'dist/esm/client/Script/Scripts.js',
    'dist/esm/client/User/User.js',
    'dist/esm/encryption/EncryptionItemQueryIterator.js',
    'dist/esm/encryption/EncryptionKeyResolver/AzureKeyVaultEncryptionKeyResolver.js',
    'dist/esm/encryption/EncryptionManager.js',
    'dist/esm/encryption/EncryptionProcessor.js',
    'dist/esm/queryExecutionContext/pipelinedQueryExecutionContext.js',
  ],
  // For `aadCredentials`: adapters/azure/cosmos-identity.ts puts the token into requests.
  '@azure/core-rest-pipeline': ['dist/esm/policies/bearerTokenAuthenticationPolicy.js'],
  // For a policy that no client here uses: it is removed from the bundle, but the CommonJS module that it imports would stay.
  'http-proxy-agent': ['dist/index.js'],
  'https-proxy-agent': ['dist/index.js'],
  // The relay only sends; the platform receives. The management client schedules and cancels messages.
  '@azure/service-bus': [
    'dist-esm/src/core/managementClient.js',
    'dist-esm/src/receivers/receiver.js',
    'dist-esm/src/receivers/sessionReceiver.js',
    'dist-esm/src/serviceBusRuleManager.js',
    'dist-esm/src/session/messageSession.js',
  ],
};

/** What a module exports by name, in the form that compilers write it. */
const EXPORT = /^export (?:async )?(?:class|function\*?|const|var) (\w+)|^exports\.(\w+) =/gm;

const escaped = (/** @type {string} */ text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Each excluded module is replaced by one that exports the same names, which throw when used. If a package update moves one of them,
 * the build fails.
 * @param {string} root the project's folder
 * @returns {import('esbuild').Plugin}
 */
export function leanAzure(root) {
  const helper = JSON.stringify(path.join(root, 'build/absent.mjs'));
  const modules = Object.entries(UNUSED).flatMap(([name, files]) =>
    files.map((file) => `node_modules/${name}/${file}`),
  );
  return {
    // The list is part of the name, so that a change of it makes the bundle stale.
    name: `lean-azure: ${modules.join(' ')}`,
    setup(build) {
      /** @type {Set<string>} */
      const left = new Set();
      const filter = new RegExp(`(?:${modules.map(escaped).join('|')})$`);
      build.onLoad({ filter }, async (args) => {
        const file = path.relative(root, args.path);
        left.add(file);
        const names = [...(await readFile(args.path, 'utf8')).matchAll(EXPORT)].map(([, name, other]) => name ?? other);
        const lines = [...new Set(names)].map(
          (name) => `export const ${name} = /* @__PURE__ */ absent('${name}', '${file}');`,
        );
        return { contents: [`import { absent } from ${helper};`, ...lines].join('\n'), loader: 'js' };
      });
      build.onEnd(({ metafile }) => {
        const inputs = Object.keys(metafile?.inputs ?? {});
        const missed = modules.filter((file) => {
          const name = Object.keys(UNUSED).find((each) => file.startsWith(`node_modules/${each}/`));
          return !left.has(file) && inputs.some((input) => input.startsWith(`node_modules/${name}/`));
        });
        return { errors: missed.map((file) => ({ text: `${file} is to be left out, and is no longer there.` })) };
      });
    },
  };
}
