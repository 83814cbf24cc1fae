/** Takes node-folder.ts's place in browsers (package.json, "browser"): there are no folders by path. */
import { DynamoError, type ModelFiles } from "@dynamo/core";

export function nodeFolder(directory: string): ModelFiles {
  throw new DynamoError("unsupported", `expected a model's files in a browser, received the path ${directory}`);
}
