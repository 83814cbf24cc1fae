/** Drops files and folders of this machine on the page, as a hand would: through the browser's own drag and drop. */
import type { Page } from "playwright-core";

/** Over the page, until dropped; `files` are paths of files or folders. */
export async function hold(page: Page, files: readonly string[]): Promise<{ drop(): Promise<void> }> {
  const session = await page.context().newCDPSession(page);
  const send = async (type: "dragEnter" | "dragOver" | "drop"): Promise<void> => {
    const data = { items: [], files: [...files], dragOperationsMask: 1 };
    await session.send("Input.dispatchDragEvent", { type, x: 600, y: 400, data });
  };
  await send("dragEnter");
  await send("dragOver");
  return {
    async drop() {
      await send("drop");
      await session.detach();
    },
  };
}
