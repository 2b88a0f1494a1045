// A function that does nothing: what is left when there is no code at all.
export const handler = async (): Promise<void> => undefined;
