/** A server without a data folder says what is missing. */
import { expect, test } from "vitest";
import { startServer } from "./start-server.js";

test("files and batches are refused clearly without --data", async () => {
  const server = await startServer();
  try {
    for (const path of ["files", "files/file-1/content", "batches", "batches/batch_1/cancel"]) {
      const answer = await fetch(`${server.address}/v1/${path}`);
      expect([answer.status, await answer.json()]).toMatchObject([501, { error: { code: "no_data_folder" } }]);
    }
  } finally {
    await server.stop();
  }
});
