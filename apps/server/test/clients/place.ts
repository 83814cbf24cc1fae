/** What the suites of all clients share: one server, with a model that writes on and one that chats. */
import type { RunningServer } from "../start-server.js";

export interface Place {
  readonly server: RunningServer;
  /** With /v1. */
  readonly baseURL: string;
}

/** The server runs when tests do, not when they are listed. */
export type Served = () => Place;

export const prompt = "Once upon a time, there was a little dog";
export const question = "Tell me of a dog.";
