import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyTemplates, chatTemplates, type ChatTemplateOptions } from "./chat-template.js";
import { maxTemplateCharacters, type Json } from "./files.js";

const messages = [{ role: "user", content: "Hi" }];

function render(template: string, options: ChatTemplateOptions = {}, config: Json = {}): string {
  return applyTemplates(config, chatTemplates(config, template))(messages, options);
}

/** Code and message of the error. */
function failure(run: () => unknown): [code: string, message: string] {
  try {
    run();
  } catch (error) {
    if (DynamoError.is(error)) return [error.code, error.message];
    throw error;
  }
  return ["none", ""];
}

describe("variables", () => {
  it("are the special tokens that there are, texts or objects", () => {
    const config = { bos_token: { content: "<s>" }, eos_token: "</s>", pad_token: null };
    expect(
      render("{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ unk_token is defined }}", {}, config),
    ).toBe("<s></s>FalseFalse");
    expect(render("{{ bos_token }}", { variables: { bos_token: "other" } }, config)).toBe("other");
  });

  it("are tools and documents, None without", () => {
    const template = "{{ tools }}{{ documents }}{{ add_generation_prompt }}";
    expect(render(template)).toBe("NoneNoneTrue");
    expect(render(template, { tools: [], documents: [{ a: 1 }], addGenerationPrompt: false })).toBe(
      "[][{'a': 1}]False",
    );
  });

  it("are the caller's, each given once", () => {
    const template = "{{ enable_thinking }}{{ documents }}{{ add_generation_prompt }}";
    const variables = { enable_thinking: false, documents: [1], add_generation_prompt: false };
    expect(render(template, { variables })).toBe("False[1]False");
    expect(failure(() => render(template, { documents: [], variables }))).toEqual([
      "invalid-argument",
      "variables.documents: expected documents to be given once, outside variables",
    ]);
    expect(failure(() => render("", { variables: { messages: [] } }))[0]).toBe("invalid-argument");
  });

  it("are JSON's values: nothing of the caller's is reached", () => {
    const variables = { f: () => 1 };
    expect(failure(() => render("", { variables }))).toEqual([
      "invalid-argument",
      "f: expected JSON's values, received the function f",
    ]);
    const list: unknown[] = [];
    list.push(list);
    expect(failure(() => render("", { variables: { list } }))[0]).toBe("invalid-argument");
    expect(render("{{ m.get('x') }}|{{ m.skipped is defined }}", { variables: { m: { skipped: undefined } } })).toBe(
      "None|False",
    );
  });

  it("have the time that is given", () => {
    const now = (): Date => new Date(2024, 1, 29, 13, 5);
    expect(render("{{ strftime_now('%d %b %Y %-I:%M %p') }}", { now })).toBe("29 Feb 2024 1:05 PM");
  });
});

describe("several templates", () => {
  const config = {
    chat_template: [
      { name: "default", template: "plain" },
      { name: "tool_use", template: "tools" },
      { name: "rag", template: "documents" },
    ],
  };
  const apply = applyTemplates(config, chatTemplates(config, undefined));

  it("are chosen by name, by tools, or are the default one", () => {
    expect(apply(messages)).toBe("plain");
    expect(apply(messages, { tools: [{}] })).toBe("tools");
    expect(apply(messages, { tools: [{}], template: "rag" })).toBe("documents");
    expect(failure(() => apply(messages, { template: "other" }))).toEqual([
      "invalid-argument",
      'expected the name of a chat template of this model (default, tool_use, rag), received "other"',
    ]);
  });

  it("come from files, which go before the configuration", () => {
    const templates = chatTemplates(config, "file", { tool_use: "tool file" });
    expect([...templates]).toEqual([
      ["default", "file"],
      ["tool_use", "tool file"],
    ]);
  });

  it("are a list of names and texts", () => {
    for (const chat_template of [3, [{ name: "default" }], {}])
      expect(failure(() => chatTemplates({ chat_template }, undefined))[0]).toBe("invalid-file");
  });
});

describe("errors", () => {
  it("of the template's text name the line", () => {
    expect(failure(() => render("a\n{% if x %}\n{{ 1 + }}\n{% endif %}"))).toEqual([
      "invalid-file",
      "the chat template failed at line 3: expected an expression, received '}}'",
    ]);
    expect(failure(() => render("x".repeat(maxTemplateCharacters + 1)))[0]).toBe("invalid-file");
  });

  it("that the template raises are the caller's, in its own words", () => {
    const template = "{% if messages[0].role != 'system' %}{{ raise_exception('System first!') }}{% endif %}";
    expect(failure(() => render(template))).toEqual(["invalid-argument", "System first!"]);
    expect(failure(() => render("\n{{ messages[0].content.a.b }}"))).toEqual([
      "invalid-argument",
      "the chat template failed at line 2: 'str object' has no attribute 'a'",
    ]);
  });

  it("refuse what needs other files", () => {
    for (const tag of ["include 'x'", "import 'x' as y", "from 'x' import y", "extends 'x'", "block x"]) {
      const [code, message] = failure(() => render(`{% ${tag} %}`));
      expect([code, message]).toEqual(["unsupported", expect.stringContaining(`{% ${tag.split(" ")[0] ?? ""} %}`)]);
    }
    expect(failure(() => render("{{ 'x' | urlize }}"))[0]).toBe("unsupported");
  });

  it("refuse options that are none", () => {
    const apply = applyTemplates({}, chatTemplates({}, "x")) as (messages: unknown, options: unknown) => string;
    expect(failure(() => apply(messages, { add_generation_prompt: true }))).toEqual([
      "invalid-argument",
      expect.stringMatching(/no option.*add_generation_prompt.*did you mean addGenerationPrompt/),
    ]);
    for (const wrong of [null, 1, { tools: "all" }, { documents: [1] }, { variables: [] }, { template: 1 }, { now: 5 }])
      expect(failure(() => apply(messages, wrong))[0]).toBe("invalid-argument");
  });

  it("refuse messages that are none", () => {
    const apply = applyTemplates({}, chatTemplates({}, "x")) as (messages: unknown) => string;
    for (const wrong of [undefined, "Hi", [1], [null], { role: "user" }, Promise.resolve(messages)])
      expect(failure(() => apply(wrong))[0]).toBe("invalid-argument");
  });
});

describe("a hostile template ends", () => {
  const nested = (count: number): string => "{% for i in range(99999) %}".repeat(count) + "{% endfor %}".repeat(count);
  it.each([
    ["loops without end", nested(4)],
    ["a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"],
    ["a doubling text", "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}"],
    ["a repeated text", "{{ 'x' * 10 ** 12 }}"],
    ["a repeated list", "{{ [1] * 10 ** 12 }}"],
    [
      "a doubling list",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
    ],
    ["a power", "{{ 9 ** (9 ** 9) }}"],
    ["a doubling integer", "{% set n = namespace(s=9) %}{% for i in range(99) %}{% set n.s = n.s * n.s %}{% endfor %}"],
    ["a width", "{{ '%999999999d' % 1 }}"],
    ["a format's width", "{{ '{:999999999}'.format(1) }}"],
    ["a precision", "{{ '%.999999999f' % 1.5 }}"],
    ["a centred text", "{{ 'x' | center(10 ** 12) }}"],
    ["an indentation", "{{ ('x\n' * 100000) | indent(10 ** 9) | indent(10 ** 9) }}"],
    ["a replacement", "{{ ('x' * 100000) | replace('x', 'y' * 100000) }}"],
    ["a join", "{{ range(99999) | join('y' * 100000) }}"],
    ["deep brackets", `{{ ${"[".repeat(100_000)} }}`],
    ["deep signs", `{{ ${"-".repeat(100_000)}1 }}`],
    ["deep ifs", "{% if 1 %}".repeat(100_000)],
    ["a long chain", `{{ ${Array.from({ length: 100_000 }, () => "1").join(" + ")} }}`],
    [
      "a nest of lists",
      "{% set n = namespace(s=[]) %}{% for i in range(99999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}",
    ],
    ["a recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"],
    ["columns", "{{ [1] | slice(10 ** 12) | list }}"],
    ["rows", "{{ [1] | batch(10 ** 12, 0) | list }}"],
    ["tabs", "{{ '\t'.expandtabs(10 ** 12) }}"],
  ])("%s", (_, template) => {
    const [code, message] = failure(() => render(template));
    expect(["invalid-file", "invalid-argument", "context-length"], message).toContain(code);
  });

  it("whatever its text is, with DynamoErrors alone", () => {
    const parts = [
      "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "if", "else", "endif", "for", "in", "endfor", "set", "x", "messages", ".", "[", "]",
      "(", ")", "|", "~", "'a'", "1", "2.5", "is", "not", "defined", "tojson", "map", "loop", "macro", "endmacro", ",", "=", "==", ":",
      "raw", "endraw", "\n", " ", "{", "}", "**", "%", "*", "//", "namespace", "range", "items", "__proto__", "constructor", "filter", "none",
    ]; // prettier-ignore
    const text = fc.array(fc.constantFrom(...parts), { maxLength: 30 }).map((chosen) => chosen.join(" "));
    fc.assert(
      fc.property(text, (template) => failure(() => render(template))[0] !== ""),
      { numRuns: 1000 },
    );
  });
});
