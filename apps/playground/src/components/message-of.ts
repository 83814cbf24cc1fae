/** What went wrong, in words for the visitor. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
