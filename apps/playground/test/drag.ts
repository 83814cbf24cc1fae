/** Drops files and folders of this machine on the page, as a hand would: through the browser's own drag and drop. */
import type { Page } from "playwright-core";

export interface Held {
  drop(): Promise<void>;
  /** Away from the page again. */
  takeAway(): Promise<void>;
}

/** Over the page, until dropped; `files` are paths of files or folders. */
export async function hold(page: Page, files: readonly string[]): Promise<Held> {
  const session = await page.context().newCDPSession(page);
  const send = async (type: "dragEnter" | "dragOver" | "dragCancel" | "drop"): Promise<void> => {
    const data = { items: [], files: [...files], dragOperationsMask: 1 };
    await session.send("Input.dispatchDragEvent", { type, x: 600, y: 400, data });
  };
  await send("dragEnter");
  await send("dragOver");
  // As browsers do, wherever the hand is.
  const again = setInterval(() => void send("dragOver").catch(() => undefined), 200);
  return {
    async takeAway() {
      clearInterval(again);
      await send("dragCancel");
      await session.detach();
    },
    async drop() {
      clearInterval(again);
      await send("drop");
      await session.detach();
    },
  };
}
