/** Open-ended text under many settings: what ε_b does to speed and orders, and what the texts look like. */
import { plot, stackedBars, type PlotSeries } from "../chart.js";
import { figure, html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import { estimateText, settingText } from "../words.js";

type Summary = ResultOf<"completions">["summary"];
type SettingOf = Summary["settings"][number];

export function completionsSection({ summary }: ResultOf<"completions">): Html {
  const { settings, prompts, base } = summary;
  const texts = base.reduce((sum, each) => sum + each.texts.length, 0);
  const swept = settings.filter(({ setting }) => setting.backoff !== undefined);
  return section("Speed-up against the back-off", [
    html`<p>
      ${prompts.length} prompts, ${texts} texts for each setting and for the base (head 1, one token per pass), written
      in turns with the base's and timed by the wall clock. Speed-ups are geometric means over the prompts; bars: 95 %
      by Student's t.
    </p>`,
    ...(swept.length < 2 ? [] : [speedups(swept), ordersFigure(swept), speedupsByType(swept, summary)]),
    table(
      settings.map((each) => ({
        setting: settingText(each.setting),
        "speed-up (95 %)": estimateText(each.speedup),
        "tokens per pass": each.tokensPerPass.toFixed(2),
        "passes by order": each.orders.join(" / "),
      })),
    ),
    samples(summary),
  ]);
}

/** Settings that differ in ε_b alone go together. */
function families(settings: readonly SettingOf[]): Map<string, SettingOf[]> {
  const found = new Map<string, SettingOf[]>();
  for (const each of settings) {
    const name = settingText({ ...each.setting, backoff: undefined });
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  return found;
}

function speedups(settings: readonly SettingOf[]): Html {
  const series = [...families(settings)].flatMap(([name, own]): PlotSeries[] => [
    {
      name: `${name}: measured`,
      points: own.flatMap(({ setting, speedup }) =>
        speedup === null ? [] : [{ x: setting.backoff ?? 0, y: speedup.value, interval: speedup.interval }],
      ),
    },
    {
      name: `${name}: tokens per pass`,
      points: own.map(({ setting, tokensPerPass }) => ({ x: setting.backoff ?? 0, y: tokensPerPass })),
      dashed: true,
    },
  ]);
  const svg = plot({
    ...{ title: "Speed-up against ε_b", x: { name: "ε_b" }, y: { name: "over one token per pass" } },
    ...{ series, levels: [{ name: "the base", at: 1 }] },
  });
  return figure(
    svg,
    "Tokens per pass is what the speed-up would be if a pass of many candidates cost no more than one of one.",
  );
}

function ordersFigure(settings: readonly SettingOf[]): Html {
  const [own = []] = families(settings).values();
  const most = Math.max(...own.map(({ orders }) => orders.length));
  const svg = stackedBars({
    title: "Orders against ε_b",
    x: { name: "ε_b", categories: own.map(({ setting }) => String(setting.backoff)) },
    y: { name: "share of passes", range: [0, 1] },
    series: Array.from({ length: most }, (_, i) => ({
      name: `order ${i + 1}`,
      values: own.map(
        ({ orders }) =>
          (orders[i] ?? 0) /
          Math.max(
            1,
            orders.reduce((sum, n) => sum + n, 0),
          ),
      ),
    })),
  });
  return figure(svg, "The number of tokens that the dynamic back-off settled at, pass by pass.");
}

function speedupsByType(settings: readonly SettingOf[], { prompts }: Summary): Html {
  const [own = []] = families(settings).values();
  const types = [...new Set(prompts.map(({ type }) => type))];
  if (types.length < 2) return { html: "" };
  const series = types.map((name) => ({
    name,
    points: own.flatMap(({ setting, speedupByType }) => {
      const found = speedupByType[name];
      return found === undefined ? [] : [{ x: setting.backoff ?? 0, y: found.value }];
    }),
  }));
  const svg = plot({
    title: "Speed-up by sentence type",
    x: { name: "ε_b" },
    y: { name: "over one token per pass" },
    series,
  });
  return figure(
    svg,
    "The same measurement, by the kind of sentence that is continued. A type has a prompt or two: read it as a sketch.",
  );
}

/** The first seed's, of up to three prompts, under the base and the sweep's ends and middle. */
function samples({ prompts, base, settings }: Summary): Html {
  const places = [...new Set([0, Math.floor((settings.length - 1) / 2), settings.length - 1])];
  const shown = [
    { name: "autoregressive", texts: base },
    ...places.flatMap((i) =>
      settings.slice(i, i + 1).map((each) => ({ name: settingText(each.setting), texts: each.prompts })),
    ),
  ];
  const textOf = (texts: Summary["base"], prompt: number): string =>
    texts.find((each) => each.prompt === prompt)?.texts[0]?.text ?? "";
  const rows = prompts
    .slice(0, 3)
    .flatMap(({ text }, prompt) =>
      shown.map(({ name, texts }) => ({ setting: name, text: html`<b>${text}</b>${textOf(texts, prompt)}` })),
    );
  return html`<details>
    <summary>Some of the texts, first seed</summary>
    ${table(rows)}
  </details>`;
}
