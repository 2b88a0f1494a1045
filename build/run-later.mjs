// Runs one compiled program when it is asked to: `{ file, args }` over the channel to its parent, without which it ends.
import { pathToFileURL } from 'node:url';

process.setSourceMapsEnabled(true);
process.once('disconnect', () => process.exit(1));
process.once('message', async (/** @type {{ file: string, args: string[] }} */ { file, args }) => {
  // Without a listener the channel keeps it no longer: from here on it ends when its program does.
  process.removeAllListeners('disconnect');
  process.argv.splice(1, 1, file);
  const { main } = await import(pathToFileURL(file).href);
  process.exitCode = await main(args);
});
