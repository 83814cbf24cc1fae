/** Quality against speed-up: by measures without a judge, and by a judge. */
import { plot, type PlotPoint } from "../chart.js";
import { figure, html, section, table, type Html } from "../html.js";
import type { ResultOf } from "../result-file.js";
import {
  estimateText,
  gapMeaning,
  gapText,
  percentText,
  sameQualityCell,
  sameQualityText,
  settingText,
} from "../words.js";

type Measures = ResultOf<"measures">["summary"];
type Crossing = Measures["sameQuality"]["divergence"];

const qualities = [
  ["logLikelihood", "Likelihood under the scorer", "nats per token"],
  ["distinct-2", "Variety: distinct-2", "different pairs of words / pairs"],
  ["divergence", "Nearness to real texts (MAUVE-style)", "1 is the same distribution"],
] as const;

export function measuresSection({ summary }: ResultOf<"measures">): Html {
  const figures = qualities.flatMap(([quality, title, unit]) => {
    const points = summary.settings.flatMap(({ setting, speedup, ...own }): PlotPoint[] => {
      const value = { ...own, ...{ "distinct-2": own.distinct["2"] } }[quality];
      const estimate = typeof value === "number" ? { value, interval: null } : value;
      if (speedup === null || estimate === null || estimate === undefined || isBase(setting)) return [];
      return [
        {
          ...{ x: speedup.value, y: estimate.value, interval: estimate.interval, across: speedup.interval },
          ...(setting.backoff === undefined ? {} : { label: String(setting.backoff) }),
        },
      ];
    });
    const found = summary.sameQuality[quality];
    return points.length < 2 ? [] : [crossingFigure({ title, unit, points, found })];
  });
  const gaps = gapPoints(summary);
  return section("Quality against speed-up, without a judge", [
    html`<p>
      Each point is a setting, labelled with its ε_b. The line is a regression with its 95 % band; where it crosses the
      base's level is the same-quality speed-up. No single measure here is quality: text that repeats itself is likely
      too, so likelihood has to be read beside variety and the distance to what people write.
    </p>`,
    ...figures,
    ...(gaps.length < 2 ? [] : [frontierFigure(summary), gapFigure(summary, gaps)]),
    crossingsTable(summary),
    table(
      [measuresRow("autoregressive", summary.base), measuresRow("real texts", summary.real)]
        .flat()
        .concat(summary.settings.flatMap((each) => measuresRow(settingText(each.setting), each))),
    ),
  ]);
}

type MeasuredSetting = Measures["settings"][number];

/** One token per pass at a temperature of its own. */
const isBase = ({ strategy }: MeasuredSetting["setting"]): boolean => strategy === "autoregressive";

/** Likelihood against variety: the base's line as its temperature changes, and the settings. */
function frontierFigure({ base, settings }: Measures): Html {
  const pointOf = (own: Pick<MeasuredSetting, "logLikelihood" | "distinct">, label: string): PlotPoint[] => {
    const [nats, variety] = [own.logLikelihood, own.distinct["2"]];
    if (nats === null || typeof variety !== "number") return [];
    const { value, interval } = nats;
    const across: PlotPoint["across"] = interval === null ? null : [-interval[1], -interval[0]];
    return [{ x: -value, y: variety, interval: null, across, label }];
  };
  const line = [
    ...(base === null ? [] : pointOf(base, "")),
    ...settings
      .filter(({ setting }) => isBase(setting))
      .flatMap((each) => pointOf(each, `T ${each.setting.temperature ?? ""}`)),
  ].sort((a, b) => a.y - b.y);
  const points = settings
    .filter(({ setting }) => !isBase(setting))
    .flatMap((each) => pointOf(each, String(each.setting.backoff ?? "")));
  const svg = plot({
    title: "The base's frontier: likelihood and variety",
    x: { name: "nats per token (fewer are likelier)" },
    y: { name: "distinct-2" },
    series: [
      { name: "one token per pass, by temperature", points: line },
      { name: "settings", points, draw: "points" },
    ],
  });
  return figure(svg, `${gapMeaning} Here: how far a setting lies to the right of the line. Labels: temperature, ε_b.`);
}

function gapPoints({ settings }: Measures): PlotPoint[] {
  return settings.flatMap(({ setting, speedup, gaps }): PlotPoint[] => {
    const gap = gaps["distinct-2"];
    if (speedup === null || gap === null) return [];
    const { value, interval } = gap.nats;
    return [
      {
        ...{ x: speedup.value, y: -value, across: speedup.interval },
        interval: interval === null ? null : [-interval[1], -interval[0]],
        ...(setting.backoff === undefined ? {} : { label: String(setting.backoff) }),
      },
    ];
  });
}

const gapFigure = ({ sameQuality }: Measures, points: readonly PlotPoint[]): Html =>
  crossingFigure({
    ...{ title: "Frontier gap by distinct-2, below the base's frontier", unit: "nats per token, negative" },
    ...{ points, found: sameQuality.frontier },
  });

function measuresRow(
  name: string,
  own: (Measures["real"] & { readonly divergence?: number | null; readonly gaps?: MeasuredSetting["gaps"] }) | null,
): Record<string, string>[] {
  if (own === null) return [];
  return [
    {
      texts: name,
      "nats per token (95 %)": estimateText(own.logLikelihood),
      "rep-4": percentText(own.repetition["4"]?.value ?? null),
      "distinct-1": own.distinct["1"]?.toFixed(3) ?? "",
      "distinct-2": own.distinct["2"]?.toFixed(3) ?? "",
      "MAUVE-style": own.divergence?.toFixed(3) ?? "",
      "frontier gap, nats (95 %)": gapText(own.gaps?.["distinct-2"] ?? null),
    },
  ];
}

function crossingsTable({ sameQuality, sameQualityByType }: Measures): Html {
  const rows = [["all", sameQuality] as const, ...Object.entries(sameQualityByType)].map(([type, found]) => ({
    "sentence type": type,
    ...Object.fromEntries(qualities.map(([quality, title]) => [`by ${lower(title)}`, sameQualityCell(found[quality])])),
    "by the frontier gap": sameQualityCell(found.frontier),
  }));
  return table(
    rows,
    "Same-quality speed-up (95 %): where quality has fallen to the base's. A star is theoretical: beyond what was measured",
  );
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

export function judgeSection({ summary, settings }: ResultOf<"judge">): Html {
  const { mode, sameQuality, sameQualityByType } = summary;
  const pairwise = mode === "pairwise";
  const points = summary.settings.flatMap(({ setting, speedup, winRate, rating }): PlotPoint[] => {
    const [y, interval] = pairwise ? [winRate?.rate, winRate?.interval] : [rating?.value, rating?.interval];
    if (speedup === null || y === null || y === undefined) return [];
    return [
      {
        x: speedup.value,
        y,
        interval: interval ?? null,
        across: speedup.interval,
        label: String(setting.backoff ?? ""),
      },
    ];
  });
  const title = pairwise ? "Win rate against the base" : "The judge's marks";
  return section(`Judged: ${lower(title)}`, [
    html`<p>
      The judge was ${typeof settings["model"] === "string" ? settings["model"] : "a language model"}.
      ${pairwise ? "Wins over losses: 1 is the base's quality." : "From 1 to 10."} Points are settings, labelled with
      their ε_b; bars and band: 95 %.
    </p>`,
    ...(points.length < 2
      ? []
      : [crossingFigure({ title, unit: pairwise ? "wins / losses" : "mark", points, found: sameQuality })]),
    table(
      summary.settings.map((each) => ({
        setting: settingText(each.setting),
        "speed-up (95 %)": estimateText(each.speedup),
        [pairwise ? "win rate (95 %)" : "mark (95 %)"]: pairwise
          ? winRateText(each.winRate)
          : estimateText(each.rating),
        verdicts: each.verdicts,
        malformed: each.malformed,
        ...(pairwise ? { ties: each.winRate?.ties ?? 0, "orders disagree": each.inconsistent ?? 0 } : {}),
      })),
    ),
    table(
      [["all", sameQuality] as const, ...Object.entries(sameQualityByType)].map(([type, found]) => ({
        "sentence type": type,
        "same-quality speed-up": sameQualityCell(found),
      })),
    ),
  ]);
}

const winRateText = (
  winRate: NonNullable<ResultOf<"judge">["summary"]["settings"][number]["winRate"]> | undefined,
): string =>
  winRate?.rate === null || winRate === undefined
    ? ""
    : estimateText({ value: winRate.rate, interval: winRate.interval });

interface CrossingFigure {
  readonly title: string;
  readonly unit: string;
  readonly points: readonly PlotPoint[];
  readonly found: Crossing;
}

function crossingFigure({ title, unit, points, found }: CrossingFigure): Html {
  const band = (found?.band ?? []).map(({ speedup, quality, interval }) => ({ x: speedup, y: quality, interval }));
  const svg = plot({
    ...{ title, x: { name: "measured speed-up" }, y: { name: unit } },
    series: [
      { name: "settings", points, draw: "points" },
      ...(band.length === 0
        ? []
        : [{ name: "regression", points: band, draw: "band" as const, dashed: found?.theoretical ?? false }]),
    ],
    levels: found === null ? [] : [{ name: "the base", at: found.level }],
    places:
      found?.speedup === null || found?.speedup === undefined || !withinReach(found.speedup, band)
        ? []
        : [{ name: `${found.speedup.toFixed(2)} ×`, at: found.speedup }],
  });
  return figure(svg, sentence(sameQualityText(found)));
}

/** A crossing further off than the band is drawn would squeeze what was measured into a corner. */
const withinReach = (speedup: number, band: readonly { readonly x: number }[]): boolean => {
  const xs = band.map(({ x }) => x);
  return speedup >= Math.min(...xs) - 1e-9 && speedup <= Math.max(...xs) + 1e-9;
};

const sentence = (text: string): string => `Same-quality speed-up: ${text}.`;
