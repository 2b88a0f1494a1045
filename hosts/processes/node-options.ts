// The options of Node.js by which a function's process maps its stack traces and can be debugged.

/**
 * @param sourceMaps whether stack traces are mapped by the source maps beside the bundles
 * @param inspectPort port of 127.0.0.1 on which the inspector listens; 0 for no inspector
 */
export function nodeOptions(sourceMaps: boolean, inspectPort: number): readonly string[] {
  return [
    ...(sourceMaps ? ['--enable-source-maps'] : []),
    // Published by HTTP alone: on standard error the address would be a line of the function's log.
    ...(inspectPort > 0 ? [`--inspect=127.0.0.1:${inspectPort}`, '--inspect-publish-uid=http'] : []),
  ];
}
