/** A verb of the command line: its arguments and options, and what it runs with them, typed by their schemas. */
import type { Command } from "commander";
import { toOption, type OptionSchema, type OptionsOf } from "./spec.js";

/** As commander writes them: `<file>` has to be there, `[file]` may be, `<files...>` and `[files...]` are any number. */
type ArgumentName = `<${string}>` | `[${string}]`;

type ArgumentValue<Name extends ArgumentName> = Name extends `${string}...${string}`
  ? readonly string[]
  : Name extends `<${string}`
    ? string
    : string | undefined;

type ArgumentValues<Names extends readonly ArgumentName[]> = {
  readonly [Index in keyof Names]: ArgumentValue<Names[Index]>;
};

export interface VerbSpec<Names extends readonly ArgumentName[], Schema extends OptionSchema> {
  readonly name: string;
  readonly description: string;
  /** What its parent does when no verb is named. */
  readonly isDefault?: boolean;
  /** Not in the help. */
  readonly hidden?: boolean;
  readonly arguments?: Names;
  /** What the help says of the arguments, in their order. */
  readonly argumentHelp?: readonly string[];
  readonly options?: Schema;
  readonly run: (values: ArgumentValues<Names>, options: OptionsOf<Schema>) => Promise<void> | void;
}

export function addVerb<
  const Names extends readonly ArgumentName[] = readonly [],
  const Schema extends OptionSchema = OptionSchema,
>(parent: Command, spec: VerbSpec<Names, Schema>): void {
  const { hidden = false, isDefault = false } = spec;
  const command = parent.command(spec.name, { hidden, isDefault }).description(spec.description);
  const names: readonly ArgumentName[] = spec.arguments ?? [];
  for (const [i, name] of names.entries()) command.argument(name, spec.argumentHelp?.[i] ?? "");
  for (const [name, option] of Object.entries(spec.options ?? {})) command.addOption(toOption(name, option));
  command.action(async () => {
    // The one place where what commander has read gets the schemas' types: toOption's parsers made the values.
    const values = command.processedArgs as unknown as ArgumentValues<Names>;
    await spec.run(values, command.opts<OptionsOf<Schema>>());
  });
}
