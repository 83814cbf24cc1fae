/** What a decoder's stages share. */

/** Takes a stage's output: tokens, or behind a stage that fuses them pieces of one text. */
export type Sink = (token: string) => void;

export interface Stage {
  readonly push: (token: string) => void;
  /** The tokens have ended: what was held back comes. */
  readonly end: () => void;
}

/** Where a stage stands among the others, and in which text. */
export interface StageContext {
  /** What it is given are pieces of one token, not tokens. */
  readonly fused: boolean;
  /** No other stage follows. */
  readonly last: boolean;
  /** Begin and end as within a text: for the text of a single token. */
  readonly within: boolean;
}

export interface Decoder {
  readonly type: string;
  /** Whether its output is one token in pieces. */
  readonly fuses: boolean;
  /** Whether it can work on pieces of one token; others wait for the whole. */
  readonly takesPieces: boolean;
  stage(sink: Sink, context: StageContext): Stage;
}

const places = (decoders: readonly Decoder[]): { decoder: Decoder; fused: boolean; waiting: boolean }[] => {
  let fused = false;
  return decoders.map((decoder) => {
    const place = { decoder, fused, waiting: fused && !decoder.takesPieces };
    fused ||= decoder.fuses;
    return place;
  });
};

/** The decoders as one stage; the last one's output goes to `sink`. */
export function connect(decoders: readonly Decoder[], sink: Sink, { within = false } = {}): Stage {
  return places(decoders).reduceRight<Stage>(
    (next, { decoder, fused, waiting }, i) => {
      const context = { fused: fused && !waiting, last: i === decoders.length - 1, within };
      const stage = waiting
        ? whole((output) => decoder.stage(output, context), next.push)
        : decoder.stage(next.push, context);
      return {
        push: stage.push,
        end() {
          stage.end();
          next.end();
        },
      };
    },
    { push: sink, end: () => undefined },
  );
}

/** Collects the pieces of one token, and gives it to the stage at the end. */
function whole(make: (sink: Sink) => Stage, sink: Sink): Stage {
  let token = "";
  return {
    push: (piece) => void (token += piece),
    end() {
      const stage = make(sink);
      stage.push(token);
      stage.end();
    },
  };
}
