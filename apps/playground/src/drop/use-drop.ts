/** Files dropped anywhere on the page. Mantine's Dropzone is a place on the page, and gives files without their folders. */
import { droppedFiles } from "@dynamo/runtime-web";
import { useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import { dropOf, type Drop } from "./drop.js";

/** Browsers say again and again that files are held; not every one says that they were taken away (Escape). */
const heldMilliseconds = 1000;

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
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (): void => {
      clearTimeout(timer);
      setOver(false);
    };
    const hold = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      setOver(true);
      clearTimeout(timer);
      timer = setTimeout(end, heldMilliseconds);
    };
    const take = (event: DragEvent): void => {
      end();
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
    window.addEventListener(
      "dragleave",
      ({ relatedTarget }) => {
        if (relatedTarget === null) end();
      },
      { signal },
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, []);
  return over;
}
