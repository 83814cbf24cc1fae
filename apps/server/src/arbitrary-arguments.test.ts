/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { callContract } from "@dynamo/call-contract";
import { isPlainObject } from "@dynamo/core/options";
import { functionNames, type PublicCall } from "@dynamo/core/testing";
import { expect, test } from "vitest";
import * as server from "./index.js";
import { receiveMilliseconds } from "./app.js";

const none = "/dev/null/x";
const plugin = { name: "own", module: "/none/such", options: { a: 1 } };
const settings = {
  ...{ folder: "/none/such", device: "cpu", dtype: "q8", threads: 1, slots: 1, queue: 1, dropMessages: false },
  plugins: [plugin],
} as server.InferenceSettings;
const models: server.ServerOptions["models"] = [{ name: "a", settings }];
const hash = Buffer.alloc(32);
const keys = server.apiKeys([{ name: "a", hash }]);
const shared = {
  ...{ models, trustProxy: "loopback", perMinute: 5, atOnce: 2, requestSeconds: 9, hangSeconds: 5, receiveSeconds: 5 },
  ...{ bodyBytes: 1000, origins: ["http://a"], logPrompts: false, logLevel: "silent" },
} as const;
const signal = new AbortController().signal;
const batchFile = {
  input: "/none/such",
  output: none,
  model: models[0],
  seconds: 5,
  signal,
  onProgress: Date,
  log: Date,
};
const placesOfModels = [[0], [0, "models", 0], [0, "models", 0, "settings"], [0, "models", 0, "settings", "plugins", 0]] as const; // prettier-ignore

/** Nothing listens, is loaded or written: no folder of a right argument can be there. */
const calls: Readonly<Record<string, PublicCall>> = {
  createServer: {
    call: async (...given: Parameters<typeof server.createServer>) => {
      const made = await server.createServer(...given);
      await made.close(0);
    },
    right: [{ ...shared, keys }, {}],
    options: [...placesOfModels, [1]],
  },
  serve: {
    call: (given: object) =>
      server.serve((isPlainObject(given) ? { ...given, keyFile: "/none/such" } : given) as never),
    right: [{ ...shared, host: "127.0.0.1", port: 0, withoutKeys: false, patience: 5, signal, data: { folder: none } }],
    options: [...placesOfModels, [0, "data"]],
  },
  apiKeys: { call: server.apiKeys, right: [[{ name: "a", hash }]] },
  createKey: { call: server.createKey, right: ["a"] },
  keysOfEnvironment: { call: server.keysOfEnvironment, right: ["a=a-key-of-a"] },
  readKeyFile: { call: server.readKeyFile, right: ["/none/such"] },
  runBatchFile: {
    call: server.runBatchFile,
    right: [batchFile],
    options: [[0], [0, "model"], [0, "model", "settings"], [0, "model", "settings", "plugins", 0]],
  },
};
const methods: Readonly<Record<string, PublicCall>> = {
  "keys.nameOf": { call: keys.nameOf, right: ["a-key"] },
  "server.close": {
    call: async (patience: number) => {
      const made = await server.createServer({ models, logLevel: "silent" });
      await made.close(patience).finally(() => made.close(0));
    },
    right: [5],
  },
};
const notThere = ["serve", "readKeyFile", "runBatchFile"];

callContract(
  { ...calls, ...methods },
  {
    runs: 15,
    takesPaths: true,
    unknownOption: ["nme", / has no option (data\.)?nme: .*expected one of /],
    expectRight: (name, outcome) => {
      expect(outcome).toBe(notThere.includes(name) ? "not-found" : "settled");
    },
  },
);

test("every public function is here", () => {
  expect(Object.keys(calls).sort()).toEqual(functionNames(server).sort());
});

const model = models[0];
const make = (change: object): Promise<unknown> => server.createServer({ models, logLevel: "silent", ...change });
const serve = (change: object): Promise<unknown> => server.serve({ models, signal, logLevel: "silent", keyFile: "/none/such", ...change }); // prettier-ignore
test.each([
  [() => make({ ratelimit: 5 }), /^createServer\(\) has no option ratelimit: expected one of models, keys, trustProxy/],
  [() => make({ keyFile: "a" }), /^createServer\(\) has no option keyFile/],
  [() => make({ keys: ["a"] }), /^keys must be keys, as apiKeys\(\) returns them, received \["a"\]/],
  [() => make({ models: [] }), /^models must be a list of models \{ name, settings \}, at least one, received \[\]/],
  [() => make({ models: [model, model] }), /^models: expected each name once, received a twice/],
  [() => make({ models: [{ ...model, settings: { ...settings, slot: 2 } }] }), /^the settings of model a has no option slot: did you mean slots\?/], // prettier-ignore
  [() => make({ models: [{ ...model, settings: { ...settings, slots: "2" } }] }), /^slots must be a whole number of at least 1, received "2"/], // prettier-ignore
  [() => make({ models: [{ ...model, settings: { ...settings, plugins: [{ ...plugin, option: {} }] } }] }), /^a served strategy has no option option: did you mean options\?/], // prettier-ignore
  [() => make({ hangSeconds: 0.1 }), /^hangSeconds must be a number from 0.5 to \d+, received 0.1/],
  [() => make({ data: { folder: none, files: 5 } }), /^createServer\(\) has no option data.files: .*data.fileBytes/],
  [() => make({ data: { folder: none } }), /^the data folder \/dev\/null\/x cannot be made/],
  [() => serve({ ports: 80 }), /^serve\(\) has no option ports: did you mean port\?/],
  [() => serve({ port: "80" }), /^port must be a whole number from 0 to 65535, received "80"/],
  [() => serve({ keys }), /^serve\(\) has no option keys: it belongs to createServer\(\): serve\(\) takes keyFile/],
  [() => serve({ signal: undefined }), /^signal must be an AbortSignal, received undefined/],
  [() => server.apiKeys([{ name: "a", hash: Buffer.alloc(31) }]), /^keys must be a list of keys \{ name, hash \}/],
  [() => server.createKey("a b"), /^name must be a key's name: 1 to 64 letters.*received "a b"/],
  [() => server.keysOfEnvironment("a+secret=="), /^DYNAMO_API_KEYS: expected a key's name(?!.*secret)/],
  [() => server.readKeyFile(undefined as never), /^file must be a path, received undefined/],
  [() => server.runBatchFile({ ...batchFile, input: "/" }), /^\/: expected a file of requests/],
  [() => server.runBatchFile({ input: "a", out: "b" } as never), /^runBatchFile\(\) has no option out: .*expected one of input, output/], // prettier-ignore
])("%#: refused by name", async (call, expected) => {
  const called = async (): Promise<void> => {
    await call();
  };
  await expect(called()).rejects.toThrow(expected);
});

test("a time to receive is a whole number of milliseconds, at least one", () => {
  const models = {} as Parameters<typeof receiveMilliseconds>[0]["models"];
  expect([5e-324, 0.0015, 2].map((receiveSeconds) => receiveMilliseconds({ models, receiveSeconds }))).toEqual([
    1, 2, 2000,
  ]);
});
