/**
 * llama.cpp itself: the shared library that node-llama-cpp's npm package carries, called through koffi without that package's own
 * JavaScript loop. Many texts are one `llama_decode` a step, which is the library at its best.
 */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

/** What koffi offers, as far as it is used here. */
interface Koffi {
  load(
    path: string,
    options?: { readonly global: boolean },
  ): { func(prototype: string): (...values: unknown[]) => unknown };
  struct(name: string, members: Readonly<Record<string, unknown>>): unknown;
  array(type: string, length: number): unknown;
  view(pointer: unknown, bytes: number): ArrayBuffer;
  proto(prototype: string): unknown;
  pointer(type: unknown): unknown;
  register(callback: (...values: unknown[]) => void, type: unknown): unknown;
}

/** The release whose structs are used below; others may have other fields. */
const release = "v0.5.0";
const packageOf = "@node-llama-cpp/linux-x64";

/** Bytes into `llama_context_params` of that release (include/llama.h), all of 4 bytes. */
const contextFields = {
  context: 0,
  batch: 4,
  microBatch: 8,
  sequences: 12,
  threads: 28,
  batchThreads: 32,
  flashAttention: 52,
};

export interface LlamaText {
  /** Greedy continuations of all prompts together. Prompts are of one length; `onPrompts`: they are read. */
  write(prompts: readonly (readonly number[])[], tokens: number, onPrompts?: () => void): number[][];
  close(): void;
}

export interface LlamaOptions {
  readonly sequences: number;
  /** Tokens of all sequences together. */
  readonly contextTokens: number;
  readonly flashAttention: boolean;
}

export interface LlamaModel {
  open(options: LlamaOptions): LlamaText;
  close(): void;
}

interface Library {
  readonly koffi: Koffi;
  readonly llama: ReturnType<Koffi["load"]>;
}

let loaded: Library | undefined;

/** Once for the process: koffi's types have names. */
function library(): Library {
  if (loaded !== undefined) return loaded;
  const peer = createRequire(new URL("../peer/package.json", import.meta.url));
  const koffi = peer("koffi") as Koffi;
  const loader = createRequire(peer.resolve("node-llama-cpp"));
  // Its exports name one module, in a folder beside the binaries.
  const folder = join(dirname(loader.resolve(packageOf)), "..", "bins", "linux-x64");
  koffi.load(join(folder, "libggml-base.so"), { global: true });
  const ggml = koffi.load(join(folder, `libggml.${release}.so`), { global: true });
  const llama = koffi.load(join(folder, `libllama.${release}.so`));
  // Passed by value on the stack: only their size and alignment count, and the fields that are set stand above.
  koffi.struct("llama_model_params", { words: koffi.array("uint64_t", 10) });
  koffi.struct("llama_context_params", { words: koffi.array("uint64_t", 20) });
  koffi.struct("llama_batch", {
    ...{ n_tokens: "int32_t", token: "void *", embd: "void *", pos: "void *" },
    ...{ n_seq_id: "void *", seq_id: "void *", logits: "void *" },
  });
  silence(koffi, llama);
  ggml.func("void ggml_backend_load_all_from_path(const char *path)")(folder);
  llama.func("void llama_backend_init()")();
  return (loaded = { koffi, llama });
}

/** Throws where the peer is not installed, or of another release. */
export function openLlama(modelPath: string): LlamaModel {
  const { koffi, llama } = library();
  const parameters = llama.func("llama_model_params llama_model_default_params()")();
  const model = llama.func("void *llama_model_load_from_file(const char *path, llama_model_params params)")(
    modelPath,
    parameters,
  );
  if (model === null) throw new Error(`llama.cpp could not load ${modelPath}`);
  const vocabulary = llama.func("void *llama_model_get_vocab(void *model)")(model);
  const vocabularySize = llama.func("int32_t llama_vocab_n_tokens(void *vocab)")(vocabulary) as number;
  return {
    open: (options) => openContext({ koffi, llama, model, vocabularySize }, options),
    close() {
      llama.func("void llama_model_free(void *model)")(model);
    },
  };
}

interface Opened {
  readonly koffi: Koffi;
  readonly llama: ReturnType<Koffi["load"]>;
  readonly model: unknown;
  readonly vocabularySize: number;
}

interface Batch {
  n_tokens: number;
  readonly token: unknown;
  readonly pos: unknown;
  readonly n_seq_id: unknown;
  readonly seq_id: unknown;
  readonly logits: unknown;
}

function openContext({ koffi, llama, model, vocabularySize }: Opened, options: LlamaOptions): LlamaText {
  const parameters = contextParameters(llama, options);
  const context = llama.func("void *llama_init_from_model(void *model, llama_context_params params)")(
    model,
    parameters,
  );
  if (context === null) throw new Error("llama.cpp could not make a context");
  const most = options.contextTokens;
  const batch = llama.func("llama_batch llama_batch_init(int32_t tokens, int32_t embd, int32_t sequences)")(
    ...[most, 0, 1],
  ) as Batch;
  const int32 = (pointer: unknown): Int32Array => new Int32Array(koffi.view(pointer, 4 * most));
  const [tokens, positions, counts] = [int32(batch.token), int32(batch.pos), int32(batch.n_seq_id)];
  const wanted = new Int8Array(koffi.view(batch.logits, most));
  const sequenceOf = sequenceSetter(koffi, batch.seq_id, most);
  const decode = llama.func("int32_t llama_decode(void *context, llama_batch batch)");
  const logitsOf = llama.func("void *llama_get_logits_ith(void *context, int32_t index)");
  const memory = llama.func("void *llama_get_memory(void *context)")(context);
  const clear = llama.func("void llama_memory_clear(void *memory, bool data)");

  function place(index: number, token: number, position: number, sequence: number, logits: boolean): void {
    [tokens[index], positions[index], counts[index], wanted[index]] = [token, position, 1, logits ? 1 : 0];
    sequenceOf(index, sequence);
  }
  function pass(count: number): void {
    batch.n_tokens = count;
    const code = decode(context, batch) as number;
    if (code !== 0) throw new Error(`llama_decode returned ${code}`);
  }
  const likeliest = (index: number): number =>
    argmax(new Float32Array(koffi.view(logitsOf(context, index), 4 * vocabularySize)));

  return {
    write(prompts, count, onPrompts) {
      clear(memory, false);
      const length = prompts[0]?.length ?? 0;
      for (const [s, prompt] of prompts.entries())
        for (const [i, token] of prompt.entries()) place(s * length + i, token, i, s, i === length - 1);
      pass(prompts.length * length);
      const texts = prompts.map((_, s) => [likeliest(s * length + length - 1)]);
      onPrompts?.();
      for (let step = 1; step < count; step++) {
        for (const [s, text] of texts.entries()) place(s, text.at(-1) as number, length + step - 1, s, true);
        pass(texts.length);
        for (const [s, text] of texts.entries()) text.push(likeliest(s));
      }
      return texts;
    },
    close() {
      llama.func("void llama_batch_free(llama_batch batch)")(batch);
      llama.func("void llama_free(void *context)")(context);
    },
  };
}

function contextParameters(llama: Opened["llama"], options: LlamaOptions): { words: bigint[] } {
  const { words } = llama.func("llama_context_params llama_context_default_params()")() as {
    words: (bigint | number)[];
  };
  const bytes = new DataView(new ArrayBuffer(8 * words.length));
  for (const [i, word] of words.entries()) bytes.setBigUint64(8 * i, BigInt(word), true);
  const defaults = [contextFields.batch, contextFields.threads, contextFields.batchThreads].map((at) =>
    bytes.getInt32(at, true),
  );
  if (defaults.join() !== "2048,4,4")
    throw new Error(`llama.cpp ${release} was expected: its defaults are ${defaults.join()}`);
  const set = (field: keyof typeof contextFields, value: number): void =>
    bytes.setInt32(contextFields[field], value, true);
  set("context", options.contextTokens);
  set("batch", options.contextTokens);
  set("microBatch", Math.min(512, options.contextTokens));
  set("sequences", options.sequences);
  set("threads", availableParallelism());
  set("batchThreads", availableParallelism());
  set("flashAttention", options.flashAttention ? 1 : 0);
  return { words: words.map((_, i) => bytes.getBigUint64(8 * i, true)) };
}

/** `seq_id` is an array of pointers, each to its token's list of sequences: here of one. */
function sequenceSetter(koffi: Koffi, pointers: unknown, most: number): (index: number, sequence: number) => void {
  const addresses = new BigUint64Array(koffi.view(pointers, 8 * most));
  const lists = Array.from(addresses, (address) => new Int32Array(koffi.view(address, 4)));
  return (index, sequence) => {
    (lists[index] as Int32Array)[0] = sequence;
  };
}

function argmax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] as number) > (logits[best] as number)) best = i;
  return best;
}

/** Its log, of a thousand lines a model, is no part of a benchmark's output. */
function silence(koffi: Koffi, llama: Opened["llama"]): void {
  const type = koffi.pointer(koffi.proto("void LlamaLog(int level, const char *text, void *data)"));
  llama.func("void llama_log_set(LlamaLog *callback, void *data)")(
    koffi.register(() => undefined, type),
    null,
  );
}
