/** A file of stories for perplexities, of more jobs than one. */
import { writeFile } from "node:fs/promises";

export async function writeStories(path: string, count: number): Promise<void> {
  const day = (pet: string, i: number): string => `On day ${i} the ${pet} ran to the big park and played with a ball. `;
  const stories = Array.from({ length: count }, (_, story) =>
    Array.from({ length: 20 }, (_unused, i) => day(story % 2 ? "cat" : "dog", i + story)).join(""),
  );
  await writeFile(path, stories.join("<|endoftext|>"));
}
