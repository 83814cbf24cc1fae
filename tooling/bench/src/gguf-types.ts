/** What a GGUF file is made of. */
import type { ModelConfig } from "@dynamo/model";

/** ggml_type. */
export const types = { f32: 0, q4: 2, q8: 8 } as const;
export type GgufType = keyof typeof types;
export interface GgufOptions {
  readonly config: ModelConfig;
  readonly read: (name: string) => Promise<Float32Array>;
  /** Of matrices; vectors are always floats. */
  readonly matrices: GgufType;
}

export interface GgufTensor {
  readonly name: string;
  /** The innermost first. */
  readonly dims: readonly number[];
  readonly type: GgufType;
  readonly values: () => Promise<Float32Array>;
}

export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly i32s: readonly number[] };
