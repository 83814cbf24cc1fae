/** The contract suite that every runtime keeps, and the small graphs that it runs. */
export { arithmeticGraph, cacheGraph, heavyGraph, identityGraph, tableGraph, testLayout } from "./graphs.js";
export { runtimeContract } from "./runtime-contract.js";
export type { ContractOptions } from "./runtime-contract.js";
