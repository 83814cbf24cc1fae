/**
 * deploy/kubernetes hangLimit together: every file is listed, selectors find pods, ports and names exist, the end of a pod has time.
 * (Schemas were checked with other tools, once: deploy/README.md.)
 */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pathOf, readText, readYaml, unknownOptions } from "./files.js";

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly resources: { readonly limits: Labels };
  readonly securityContext: object;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } };
}

type Labels = Readonly<Record<string, string>>;
interface Selector {
  readonly matchLabels: Labels;
}

/** What the tests look at, of all kinds; each kind has some of it. */
interface Spec {
  readonly selector: Selector;
  readonly podSelector: Selector;
  readonly replicas?: number;
  readonly template: {
    readonly metadata: { readonly labels: Labels };
    readonly spec: {
      readonly securityContext: object;
      readonly topologySpreadConstraints: readonly [{ readonly labelSelector: Selector }];
      readonly terminationGracePeriodSeconds: number;
      readonly containers: readonly [Container];
      readonly volumes: readonly { readonly name: string; readonly emptyDir?: object }[];
    };
  };
  readonly strategy: { readonly rollingUpdate: object };
  readonly ports: readonly [{ readonly name: string; readonly targetPort: string }];
  readonly endpoints: readonly [{ readonly port: string; readonly path: string }];
  readonly ingress: readonly [{ readonly ports: readonly [{ readonly port: string }] }];
  readonly scaleTargetRef: object;
  readonly metrics: readonly [{ readonly pods: { readonly metric: { readonly name: string } } }];
  readonly minReplicas: number;
  readonly maxUnavailable: number;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly spec: Spec;
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly images: readonly { readonly name: string }[];
}

const folder = "deploy/kubernetes";
const kustomizationOf = (path: string): Kustomization => readYaml(`${folder}/${path}/kustomization.yaml`)[0] as never;
const base = kustomizationOf("base");
const manifests = base.resources.flatMap((file) => readYaml(`${folder}/base/${file}`) as Manifest[]);
const gpu = kustomizationOf("overlays/gpu");
const patches = (gpu.patches ?? []).flatMap(({ path }) => readYaml(`${folder}/overlays/gpu/${path}`) as Manifest[]);

const patchOfDeployment = patches.find(({ kind }) => kind === "Deployment")?.spec as Spec;

const ofKind = (kind: string): Manifest => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as Manifest;
};
const deployment = ofKind("Deployment");
const { template } = deployment.spec;
const [container] = template.spec.containers;
const portNames = container.ports.map(({ name }) => name);

const yamlFilesIn = (path: string): string[] =>
  readdirSync(pathOf(`${folder}/${path}`)).filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml");

describe("the base", () => {
  test("lists every file, and none twice", () => {
    expect([...base.resources].sort()).toEqual(yamlFilesIn("base").sort());
    const names = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([
    ["Deployment", deployment.spec.selector.matchLabels],
    ["Service", ofKind("Service").spec.selector as unknown as Labels],
    ["PodDisruptionBudget", ofKind("PodDisruptionBudget").spec.selector.matchLabels],
    ["NetworkPolicy", ofKind("NetworkPolicy").spec.podSelector.matchLabels],
    ["topologySpreadConstraints", template.spec.topologySpreadConstraints[0].labelSelector.matchLabels],
  ])("%s selects the pods", (_kind, selector: Labels) => {
    expect(Object.keys(selector)).not.toEqual([]);
    expect(template.metadata.labels).toMatchObject(selector);
  });

  test("the monitor selects the service, and its port", () => {
    const { selector, endpoints } = ofKind("ServiceMonitor").spec;
    const service = ofKind("Service");
    expect(service.metadata.labels).toMatchObject(selector.matchLabels);
    expect(service.spec.ports.map(({ name }) => name)).toContain(endpoints[0].port);
    expect(endpoints[0].path).toBe("/metrics");
  });

  test("service, probes and policy name ports that the container has", () => {
    expect(portNames).toContain(ofKind("Service").spec.ports[0].targetPort);
    expect(portNames).toContain(ofKind("NetworkPolicy").spec.ingress[0].ports[0].port);
    const paths = (["startupProbe", "livenessProbe", "readinessProbe"] as const).map((probe) => {
      const { path, port } = container[probe]?.httpGet ?? { path: "", port: "" };
      expect(portNames).toContain(port);
      return path;
    });
    // A pod that loads its model must not be killed for it, nor asked for texts.
    expect(paths).toEqual(["/healthz", "/healthz", "/readyz"]);
  });

  test("the autoscaler scales the deployment, by the metric that the adapter's rule makes of the server's", () => {
    const { scaleTargetRef, metrics, minReplicas } = ofKind("HorizontalPodAutoscaler").spec;
    expect(scaleTargetRef).toEqual({ apiVersion: "apps/v1", kind: "Deployment", name: deployment.metadata.name });
    expect(deployment.spec.replicas).toBeUndefined();
    expect(minReplicas).toBeGreaterThan(ofKind("PodDisruptionBudget").spec.maxUnavailable);
    const adapter = readYaml(`${folder}/prometheus-adapter-values.yaml`)[0] as {
      readonly rules: {
        readonly custom: readonly [{ readonly seriesQuery: string; readonly name: { readonly as: string } }];
      };
    };
    const [rule] = adapter.rules.custom;
    expect(metrics[0].pods.metric.name).toBe(rule.name.as);
    expect(readText("apps/server/src/model-metrics.ts")).toContain(
      `gauge("${/^dynamo_(\w+)\{/.exec(rule.seriesQuery)?.[1]}"`,
    );
  });

  test("a pod's end has the time of preStop and of what the server waits for requests", () => {
    const [command, sleep] = container.lifecycle.preStop.exec.command;
    expect(command).toBe("sleep");
    const [, patience = ""] = /patience = ([\d_]+)/.exec(readText("apps/server/src/server.ts")) ?? [];
    const seconds = Number(sleep) + Number(patience.replaceAll("_", "")) / 1000 + 1;
    expect(seconds).toBeGreaterThan(10);
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(seconds);
  });

  test("nobody is root, and nothing but /tmp can be written to", () => {
    expect(template.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const { volumes } = template.spec;
    for (const { name, mountPath } of container.volumeMounts) {
      const volume = volumes.find((candidate) => candidate.name === name);
      expect(volume).toBeDefined();
      expect(volume?.emptyDir === undefined).toBe(mountPath !== "/tmp");
    }
    expect(container.args[container.args.indexOf("--api-keys") + 1]).toMatch(/^\/run\/secrets\/dynamo\//);
  });
});

describe("the overlay for GPUs", () => {
  test("lists every file, and patches what there is", () => {
    expect(gpu.resources).toEqual(["../../base"]);
    expect((gpu.patches ?? []).map(({ path }) => path).sort()).toEqual(yamlFilesIn("overlays/gpu").sort());
    const names = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    for (const { kind, metadata } of patches) expect(names).toContain(`${kind}/${metadata.name}`);
    for (const { name } of [...gpu.images, ...base.images]) expect(name).toBe(container.image);
  });

  test("its container is the base's, with a GPU and no surge that would need another", () => {
    const patch = patchOfDeployment;
    const [own] = patch.template.spec.containers;
    expect(own.name).toBe(container.name);
    expect(own.resources.limits["nvidia.com/gpu"]).toBe("1");
    expect(own.args).toEqual(expect.arrayContaining(["cuda", "--api-keys"]));
    expect(patch.strategy.rollingUpdate).toEqual({ maxUnavailable: 1, maxSurge: 0 });
  });
});

test.each([
  ["base", container.args],
  ["overlay", patchOfDeployment.template.spec.containers[0].args],
])("%s: dynamo serve has every option that is given", (_name, args: readonly string[]) => {
  expect(args[0]).toBe("serve");
  expect(unknownOptions(args)).toEqual([]);
});
