// Loaded before the programs of `npm run`: says in a sentence what is wrong with the checkout, also when a program cannot even be loaded.
import { explainFault } from './preflight.mjs';

process.on('uncaughtException', (error) => {
  process.stderr.write(`${explainFault(error) ?? error.stack}\n`);
  process.exit(1);
});
