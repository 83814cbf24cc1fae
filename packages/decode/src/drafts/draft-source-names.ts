/** Who may draft, by name: in a file of its own, for those who list the names and draft nothing. */
export const draftSourceNames = ["heads", "lookup", "recycling"] as const;

/** A built-in draft source. */
export type DraftSourceName = (typeof draftSourceNames)[number];
