/** What the joint distribution of several heads is made of. */

/** All kinds, by name. */
export const jointKinds = ["counts", "learned", "chain"] as const;
/** `counts`: the paper's; `learned`: of heads that know the tokens between; `chain`: none, token by token. */
export type JointKind = (typeof jointKinds)[number];
