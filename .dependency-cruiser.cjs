// The dependency arrows of the workspace: no cycles, nothing points back, no reaching into another package.

/** Workspace packages that each package may import. Everything else in the workspace is forbidden to it. */
const arrows = {
  core: [],
  stories: [],
  "stories-base": [],
  "stories-draft": [],
  "stories-t4": [],
  onnx: ["core"],
  tokenizer: ["core"],
  protocol: ["core"],
  jobs: ["core"],
  hub: ["core"],
  cooccurrence: ["core"],
  ort: ["onnx", "core"],
  "runtime-node": ["ort", "onnx", "core"],
  "runtime-web": ["ort", "onnx", "core"],
  // A model folder holds its tokenizer and its mask: docs/decisions/0002-model-loads-tokenizer-and-mask.md
  model: ["onnx", "cooccurrence", "tokenizer", "hub", "core"],
  decode: ["cooccurrence", "core"],
  engine: ["decode", "core"],
  eval: ["model", "onnx", "tokenizer", "train", "decode", "cooccurrence", "protocol", "jobs", "core"],
  train: ["model", "onnx", "tokenizer", "decode", "cooccurrence", "core"],
};

const tests = "[.]test[.]ts$|^(packages|apps|tooling)/[^/]+/test/";
/** Files that a tool runs, not the product. */
const configs = "[.]config[.](ts|mjs)$";
/** Packages that run in browsers too, and the files of them that only Node's entry points reach. */
const isomorphic = "^packages/(core|onnx|tokenizer|protocol|cooccurrence|decode|model|hub|ort|runtime-web)/src/";
const nodeOnly =
  "^packages/model/src/(node-folder[.]ts|node-hub[.]ts|convert[.]ts|convert/.*|checkpoint/random-checkpoint[.]ts)$|^packages/hub/src/(node[.]ts|node/.*)$|[-.]?node[.]ts$";

const boundaries = Object.entries(arrows).map(([name, allowed]) => ({
  name: `arrows-of-${name}`,
  comment: `@dynamo/${name} may import ${allowed.length > 0 ? allowed.join(", ") : "no package of the workspace"}`,
  severity: "error",
  // Tests may choose a runtime and build small models.
  from: { path: `^packages/${name}/`, pathNot: [tests, configs] },
  to: { path: "^(packages|apps|tooling)/", pathNot: `^packages/(${[name, ...allowed].join("|")})/` },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...boundaries,
    {
      name: "no-cycles",
      comment:
        "Modules that need each other are one module, or need a third one. Types alone count too: shared ones live in a file that imports nothing.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "known-package",
      comment: "A new package needs its line in `arrows`.",
      severity: "error",
      from: { path: "^packages/", pathNot: `^packages/(${Object.keys(arrows).join("|")})/` },
      to: {},
    },
    {
      name: "nothing-imports-apps",
      comment: "But the tests of deploy/, which run the server behind a real nginx.",
      severity: "error",
      from: { pathNot: "^apps/|^tooling/deploy/test/" },
      to: { path: "^apps/" },
    },
    {
      name: "no-deep-imports",
      comment: "Another package is imported by its name and its exports map, never by a path.",
      severity: "error",
      from: { path: "^(packages|apps|tooling)/([^/]+)/" },
      to: {
        path: "^(packages|apps|tooling)/",
        pathNot: "^$1/$2/",
        dependencyTypes: ["local"],
      },
    },
    {
      name: "no-dist",
      comment: "Sources are imported, not what was built from them.",
      severity: "error",
      from: { path: "^(packages|apps|tooling)/[^/]+/src/" },
      to: { path: "^(packages|apps|tooling)/[^/]+/dist/" },
    },
    {
      name: "isomorphic",
      comment: "These packages run in browsers: Node's modules only in the files listed as `nodeOnly`.",
      severity: "error",
      from: { path: isomorphic, pathNot: [tests, nodeOnly] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "isomorphic-loads-node-late",
      comment: "A Node-only file comes in through a dynamic import where it is needed: a browser never loads it.",
      severity: "error",
      from: { path: isomorphic, pathNot: [tests, nodeOnly] },
      to: { path: nodeOnly, dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-dev-dependency-in-src",
      comment: "Who installs the package does not get its devDependencies, but those that are `bundled` into dist.",
      severity: "error",
      from: { path: "^(packages|apps)/[^/]+/src/", pathNot: tests },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "/@noble/hashes/" },
    },
    {
      name: "declared",
      comment: "What is imported stands in the package's own package.json. (pnpm links nothing else to it either.)",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-orphans",
      comment: "A module that nothing imports and that imports nothing is dead. Service workers are entry points.",
      severity: "error",
      from: { orphan: true, path: "/src/", pathNot: [tests, "/service-worker[.]ts$"] },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules|/dist/" },
    exclude: { path: "/dist/|__fixtures__|^tooling/bench/peer/|^apps/playground/public/" },
    tsPreCompilationDeps: "specify",
    tsConfig: { fileName: "tsconfig.base.json" },
    combinedDependencies: false,
    enhancedResolveOptions: {
      conditionNames: ["@dynamo/source", "import", "node", "default"],
      exportsFields: ["exports"],
      extensions: [".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", ".json"],
      mainFields: ["module", "main", "types"],
    },
    progress: { type: "none" },
  },
};
