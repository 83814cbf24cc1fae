/** What commander says of a wrong command line, with what it does not know: where a misplaced option belongs. */
import type { Command } from "commander";

/** Every command with its full name, such as "eval compare". */
function* commandsIn(parent: Command, prefix = ""): Generator<readonly [name: string, command: Command]> {
  for (const command of parent.commands) {
    const name = `${prefix}${command.name()}`;
    yield [name, command];
    yield* commandsIn(command, `${name} `);
  }
}

/** `message`: commander's. The same one, and the verbs that have the option that this one lacks. */
export function usageMessage(message: string, program: Command): string {
  const [, flag] = /unknown option '(-[^'=]*)/.exec(message) ?? [];
  if (flag === undefined) return message;
  const owners = [...commandsIn(program)].filter(([, { options }]) =>
    options.some(({ long, short }) => long === flag || short === flag),
  );
  if (owners.length === 0) return message;
  const names = owners.map(([name]) => name);
  return message.trimEnd().replace(/(unknown option '[^']*')[^]*/, `$1 here: it is an option of ${names.join(", ")}`);
}
