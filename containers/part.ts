// What a container runs side by side: each part starts, says whether it is ready, and ends in order.

/** One part of a container. */
export interface Part {
  readonly name: string;
  /** Resolves once it works. */
  start(): Promise<void>;
  /** Ends what is under way, and takes nothing new; never rejects. */
  stop(): Promise<void>;
  /** Why it is not ready to work, or undefined if it is. */
  notReady(): string | undefined;
}
