/** Names of models on the hub: `hf:owner/name`, `hf:owner/name@revision`. */
import { DynamoError } from "@dynamo/core";
import { checkValue, describeValue, text } from "@dynamo/core/options";

/** A model on the hub, and which state of it. */
export interface HubId {
  /** `owner/name`; the oldest models have only a name. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const prefix = "hf:";
/** The hub's own rules: letters, digits, `-`, `_` and `.`; neither `--` nor `..`, no `-` or `.` at an end; 96 characters. */
const part = /^(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?$/;
/** Branches may have slashes, as refs/pr/1. */
const revisionForm = /^(?!.*\.\.)[A-Za-z0-9_](?:[\w./+-]{0,198}[A-Za-z0-9_])?$/;

/** Whether a source is a model of the hub, `hf:…`. */
export const isHubAddress = (source: string): boolean => source.startsWith(prefix);

/** Whether a text without `hf:` has the form owner/name or owner/name@revision; a folder may have the same name. */
export function looksLikeHubId(source: string): boolean {
  const { id, revision } = split(source);
  return id.split("/").length === 2 && isId(id) && revisionForm.test(revision);
}

/** Reads `hf:owner/name[@revision]`, also without its `hf:`. Throws `invalid-argument` for anything else. */
export function parseHubId(source: string): HubId {
  checkValue("source", source, text);
  const { id, revision } = split(isHubAddress(source) ? source.slice(prefix.length) : source);
  if (!isId(id)) {
    throw new DynamoError(
      "invalid-argument",
      `expected a model of the hub, hf:owner/name or hf:owner/name@revision, received ${describeValue(source)}`,
    );
  }
  if (!revisionForm.test(revision)) {
    throw new DynamoError(
      "invalid-argument",
      `expected a branch, a tag or a commit after @, received ${describeValue(revision)}`,
    );
  }
  return { id, revision };
}

/** A model with all of its revisions: `owner/name`, also with `hf:`. Throws `invalid-argument` for one of a single revision, too. */
export function parseWholeModel(source: string): string {
  const { id } = parseHubId(source);
  if (!source.includes("@")) return id;
  throw new DynamoError(
    "invalid-argument",
    `expected a model without a revision, as all that is kept of it is meant: ${id}, received ${describeValue(source)}`,
  );
}

function split(source: string): HubId {
  const at = source.indexOf("@");
  return at === -1 ? { id: source, revision: "main" } : { id: source.slice(0, at), revision: source.slice(at + 1) };
}

const isId = (id: string): boolean => {
  const parts = id.split("/");
  return parts.length <= 2 && parts.every((each) => part.test(each)) && !id.endsWith(".git");
};
