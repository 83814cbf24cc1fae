import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { defineConfig } from "tsup";

const library = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));

/** ONNX Runtime's files lie beside the workers, so that they find them without a bundler or any setting of one. */
const beside = {
  wasm: ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"],
  webgpu: ["ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
} as const;
// With `wasmPaths` ONNX Runtime loads these from there too.
const loose = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.asyncify.mjs"];

/** Without the name of a source map that is left behind: tools complain that they do not find it. */
function copyBeside(file: string): void {
  const [from, to] = [join(library, file), join("dist", file)];
  if (file.endsWith(".wasm")) copyFileSync(from, to);
  else writeFileSync(to, readFileSync(from, "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, ""));
}

const common = { format: "esm", target: "es2023", sourcemap: true, treeshake: true, platform: "browser" } as const;

export default defineConfig([
  { ...common, entry: { index: "src/index.ts" }, dts: true },
  {
    ...common,
    entry: { "worker-wasm": "src/worker-wasm.ts", "worker-webgpu": "src/worker-webgpu.ts" },
    // Import maps do not reach into workers: everything of ours is inside.
    noExternal: [/^@dynamo\//],
    splitting: false,
    esbuildPlugins: [
      {
        name: "onnxruntime-beside",
        setup(build) {
          build.onResolve({ filter: /^onnxruntime-web\// }, ({ path }) => {
            const edition = path.slice("onnxruntime-web/".length) as keyof typeof beside;
            return { path: `./${beside[edition][0]}`, external: true };
          });
        },
      },
    ],
    onSuccess: () => {
      for (const file of [...Object.values(beside).flat(), ...loose]) copyBeside(file);
      return Promise.resolve();
    },
  },
]);
