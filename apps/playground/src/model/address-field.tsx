/** Another model: the address of its folder or of a server, or a folder of the visitor's own. */
import { Button, Group, PasswordInput, Text, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { serverAddress } from "../server/address.js";
import { addressOf } from "./embedded.js";
import type { FolderFiles } from "./open-model.js";

/** What the visitor asked for. */
export interface Asked {
  readonly address: string;
  /** Of a server that wants one. It stays in the page's memory. */
  readonly key: string | undefined;
}

export interface AddressFieldProps {
  readonly initial: string;
  readonly onLoad: (asked: Asked) => void;
  readonly onFolder: (files: FolderFiles) => void;
}

export function AddressField({ initial, onLoad, onFolder }: AddressFieldProps): React.JSX.Element {
  const [address, setAddress] = useState(initial);
  const [key, setKey] = useState("");
  // Another one may come from the list of kept models.
  useEffect(() => setAddress(initial), [initial]);
  const folder = useRef<HTMLInputElement>(null);
  const isServer = serverAddress(address) !== undefined;
  return (
    <>
      <TextInput
        label="Address of a model folder or of a server (…/v1), or hf:owner/name"
        placeholder="https://… or hf:owner/name"
        value={address}
        onChange={({ currentTarget }) => {
          setAddress(currentTarget.value);
          // A key is for one server.
          setKey("");
        }}
      />
      {isServer ? (
        <PasswordInput
          label="API key, if the server wants one"
          description="Kept in this page's memory only"
          // Mantine's grey has too little contrast.
          descriptionProps={{ c: "inherit" }}
          autoComplete="off"
          value={key}
          onChange={({ currentTarget }) => setKey(currentTarget.value)}
        />
      ) : null}
      <Group gap="xs">
        <Button
          size="xs"
          variant="default"
          disabled={addressOf(address, location.href) === undefined}
          onClick={() => onLoad({ address, key: isServer && key !== "" ? key : undefined })}
        >
          {isServer ? "Connect to the server" : "Load the address"}
        </Button>
        <Button size="xs" variant="default" onClick={() => folder.current?.click()}>
          Choose a folder…
        </Button>
        <input
          ref={folder}
          type="file"
          hidden
          multiple
          aria-label="Model folder"
          {...{ webkitdirectory: "" }}
          onChange={({ currentTarget }) => {
            const files = [...(currentTarget.files ?? [])];
            if (files.length > 0) onFolder(files);
          }}
        />
      </Group>
      <Text size="xs">A folder can also be dropped anywhere on the page.</Text>
    </>
  );
}
