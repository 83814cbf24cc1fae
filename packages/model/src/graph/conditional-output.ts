/** The output of what conditional parts know of the heads' states. */
export const conditionalStates = "conditional";
