// Strict and type-aware from day one: what a rule can hold, a reviewer need not.
import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const tests = ["**/*.test.ts", "**/test/**/*.ts"];
const typescript = ["**/*.ts", "**/*.tsx"];
/** Files that a tool finds by name: they have default exports and no types of their own. */
const configs = ["**/*.config.ts", "**/*.config.mjs", "**/*.cjs", "**/*.mjs", "**/*.js"];

const types = {
  "@typescript-eslint/no-explicit-any": "error",
  "@typescript-eslint/no-non-null-assertion": "error",
  "@typescript-eslint/explicit-module-boundary-types": "error",
  "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
  "@typescript-eslint/consistent-type-exports": "error",
  "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
  // `data[i] as number` is the accepted form in hot loops over typed arrays; `!` is not allowed at all.
  "@typescript-eslint/non-nullable-type-assertion-style": "off",
  // Indexed loops over typed arrays are the hot path, and callbacks such as `() => push(token)` read well.
  "@typescript-eslint/prefer-for-of": "off",
  "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
  // Figures in messages: "expected 3, received 4".
  "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
  // A lone `_` is a parameter that a callback does not need.
  "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
  // `while (true)` says what it is.
  "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: "only-allowed-literals" }],
  // An index signature's key is data, not a name: noPropertyAccessFromIndexSignature wants the brackets.
  "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
};

/** Small files, short functions, named exports (the style's rules; past them needs a reason beside the exception). */
const shape = {
  "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
  // A factory's closures count as its own lines.
  "max-lines-per-function": ["error", { max: 80, skipBlankLines: true, skipComments: true, IIFEs: true }],
  "no-restricted-syntax": ["error", { selector: "ExportDefaultDeclaration", message: "Named exports only." }],
  eqeqeq: "error",
  "object-shorthand": "error",
  "prefer-template": "error",
  "no-console": "error",
};

/** The preset in tooling/build has the one limit of all tests: a smaller one fails on a busy machine. */
const ownTimeouts = [
  "CallExpression[callee.name=/^(it|test|beforeAll|beforeEach|afterAll|afterEach)$/] > Literal.arguments[raw=/^[0-9_]+$/]",
  "CallExpression[callee.object.name='expect'][callee.property.name='poll'] Property[key.name='timeout']",
].map((selector) => ({
  selector,
  message: "Tests have no limits of their own: see hangLimit in tooling/build/vitest.mjs.",
}));

export default defineConfig(
  globalIgnores([
    "**/dist/",
    "**/node_modules/",
    "**/coverage/",
    "**/.turbo/",
    "**/__fixtures__/",
    "tooling/bench/peer/",
    "apps/playground/public/",
  ]),
  js.configs.recommended,
  {
    files: typescript,
    ignores: configs,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: { ...types, ...shape },
  },
  {
    // Tests are long lists of cases, and they poke at what types forbid.
    files: tests,
    rules: {
      "max-lines": "off",
      "max-lines-per-function": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-type-assertion": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/unbound-method": "off",
      "no-restricted-syntax": ["error", ...ownTimeouts],
    },
  },
  {
    // Programs talk on the console; libraries do not.
    files: ["apps/**/*.ts", "tooling/**/*.ts"],
    rules: { "no-console": "off" },
  },
  {
    files: configs,
    extends: [tseslint.configs.recommended],
    languageOptions: {
      globals: { process: "readonly", console: "readonly", URL: "readonly", module: "writable", require: "readonly" },
    },
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
