/** The embedded model with a chat template, in a folder of its own: a chat model for tests, if a bad one. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";

const template =
  "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

export async function chatFolder(
  chatTemplate = template,
): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const place = await mkdtemp(join(tmpdir(), "dynamo-chat-"));
  const folder = join(place, "model");
  await cp(modelPath, folder, { recursive: true });
  const file = join(folder, "tokenizer_config.json");
  const config = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as object;
  await writeFile(file, JSON.stringify({ ...config, chat_template: chatTemplate }));
  return { folder, remove: () => rm(place, { recursive: true, force: true }) };
}
