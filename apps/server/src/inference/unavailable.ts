/** The model cannot take anybody's request now, however few there are: it is being loaded, or the server is closing. */
import { DynamoError } from "@dynamo/core";

/** Apart from `busy` of a full queue, which is about those who ask. */
export class UnavailableError extends DynamoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("busy", message, options);
  }
}
