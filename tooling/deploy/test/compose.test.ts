/** deploy/compose.yaml, nginx.conf and the Dockerfile agree with each other, and with the repository. */
import { describe, expect, test } from "vitest";
import { readText, readYaml, unknownOptions } from "./files.js";

interface Service {
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address: string }>>;
  readonly extra_hosts?: readonly string[];
  readonly depends_on?: readonly string[] | object;
  readonly healthcheck?: object;
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly secrets: object;
}

const { services, networks, secrets } = readYaml("deploy/compose.yaml")[0] as Compose;
const nginx = readText("deploy/nginx.conf");
const dockerfile = readText("deploy/Dockerfile");
const upstreams = [...nginx.matchAll(/^\s*server (\S+):8080 /gm)].map(([, name = ""]) => name);

describe("compose.yaml", () => {
  test("nginx finds both replicas at the addresses that they have", () => {
    expect(upstreams).toEqual(["server-1", "server-2"]);
    const addresses = upstreams.map((name) => {
      const own = services[name]?.networks as Readonly<Record<string, { readonly ipv4_address: string }>>;
      return `${name}:${own["backend"]?.ipv4_address ?? ""}`;
    });
    expect(services["nginx"]?.extra_hosts).toEqual(addresses);
    expect(new Set(addresses).size).toBe(2);
  });

  test.each(Object.entries(services))(
    "%s: read-only, no capabilities, networks and dependencies that exist",
    (_name, service) => {
      expect(service.read_only).toBe(true);
      expect(service.cap_drop).toEqual(["ALL"]);
      const own = service.networks as readonly string[];
      for (const network of Array.isArray(own) ? own : Object.keys(own))
        expect(Object.keys(networks)).toContain(network);
      const needed = service.depends_on ?? [];
      for (const other of Array.isArray(needed) ? (needed as string[]) : Object.keys(needed))
        expect(Object.keys(services)).toContain(other);
      for (const secret of service.secrets ?? []) expect(Object.keys(secrets)).toContain(secret);
      // The servers' are in the image.
      if (service.command?.[0] !== "serve") {
        expect(service.healthcheck).toBeDefined();
        expect(service.user).toMatch(/^[1-9]\d*:/);
      }
    },
  );

  test.each(upstreams)("%s is given keys, Redis and PostgreSQL, and the time that it takes to end", (name) => {
    const { command = [], environment = {}, stop_grace_period: grace = "" } = services[name] as Service;
    expect(unknownOptions(command)).toEqual([]);
    expect(command).toContain("/run/secrets/api-keys");
    for (const variable of ["REDIS_URL", "DATABASE_URL"]) {
      const { hostname } = new URL((environment[variable] ?? "").replaceAll(/\$\{[^}]*\}/g, "x"));
      expect(Object.keys(services)).toContain(hostname);
    }
    expect(Number.parseInt(grace, 10)).toBeGreaterThan(11);
  });

  test("only nginx can be reached, and the back end reaches nothing outside", () => {
    expect(networks["backend"]?.internal).toBe(true);
    const outside = Object.entries(services).filter(
      ([, { networks: own }]) => !Array.isArray(own) || own.includes("edge"),
    );
    expect(outside.map(([name]) => name).filter((name) => !upstreams.includes(name))).toEqual(["nginx"]);
    for (const name of upstreams) expect(Object.keys(services[name]?.networks ?? {})).toEqual(["backend"]);
  });
});

describe("Dockerfile", () => {
  test("builds with the pnpm of package.json", () => {
    const { packageManager } = JSON.parse(readText("package.json")) as { packageManager: string };
    expect(`pnpm@${/^ARG PNPM=(.+)$/m.exec(dockerfile)?.[1] ?? ""}`).toBe(packageManager);
  });

  test("every image that runs is nobody's, asks /readyz about itself, and takes nothing of the build but its product", () => {
    const stages = dockerfile.split(/^(?=FROM )/m).slice(1);
    const nameOf = (stage: string): string => /^FROM \S+ AS (\S+)/.exec(stage)?.[1] ?? "";
    const running = stages.filter((stage) => ["server", "gpu"].includes(nameOf(stage)));
    expect(running).toHaveLength(2);
    for (const stage of running) {
      expect(stage).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
      expect(stage).toMatch(/^HEALTHCHECK (?:.|\\\n)*\/readyz/m);
      expect(stage).not.toMatch(/^RUN /m);
      const copies = [...stage.matchAll(/^COPY --from=(\S+) (\S+) (\S+)$/gm)].map(([, , from, to]) => [from, to]);
      expect(copies).toEqual([
        ["/usr/local/bin/node", "/usr/local/bin/node"],
        ["/out", "/app"],
      ]);
    }
    expect(stages.at(-1)?.trim()).toBe("FROM server");
  });
});
