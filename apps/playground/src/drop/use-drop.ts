/** Files dropped anywhere on the page. Mantine's Dropzone is a place on the page, and gives files without their folders. */
import { droppedFiles } from "@dynamo/runtime-web";
import { useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import { dropOf, type Drop } from "./drop.js";

/** True while files are held over the page. */
export function useDrop(onDrop: (drop: Drop) => void): boolean {
  const [over, setOver] = useState(false);
  const latest = useRef(onDrop);
  useEffect(() => {
    latest.current = onDrop;
  });
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const hold = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      setOver(true);
    };
    const take = (event: DragEvent): void => {
      setOver(false);
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      // Else the browser would leave the page for the file.
      event.preventDefault();
      droppedFiles(event.dataTransfer).then(
        (files) => latest.current(dropOf(files)),
        (error: unknown) => latest.current({ kind: "nothing", message: messageOf(error) }),
      );
    };
    window.addEventListener("dragenter", hold, { signal });
    window.addEventListener("dragover", hold, { signal });
    window.addEventListener("drop", take, { signal });
    // Elements are left for others all the time; the page is left for nothing.
    window.addEventListener("dragleave", ({ relatedTarget }) => setOver((was) => was && relatedTarget !== null), {
      signal,
    });
    return () => controller.abort();
  }, []);
  return over;
}
