// The manifests of a cell in Kubernetes: a deployment for the API, the relay and each consumer, and what scales them.
import { LANE_NAMES, queueOf, type Topology } from '../../core/cell/topology.ts';
import type { DeclaredCell } from './declared.ts';

/** A value of a manifest. */
export type Yaml = string | number | boolean | readonly Yaml[] | { readonly [name: string]: Yaml };

/** An object of Kubernetes. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [name: string]: Yaml };
  readonly [name: string]: Yaml;
}

const PORTS = { http: 8080, health: 8081 } as const;

/** The user of the image; its number must be set for `runAsNonRoot` to be checked. */
const USER = 65_532;

/** Longer than a container takes to end in order. */
const GRACE_SECONDS = 60;

/** What scales each part: bounds, and its triggers. */
const SCALE = {
  http: { minReplicaCount: 2, maxReplicaCount: 20 },
  relay: { minReplicaCount: 2, maxReplicaCount: 8 },
  consumer: { minReplicaCount: 1, maxReplicaCount: 10 },
} as const;

/** Messages that wait for a consumer, by replica, before another one is added. */
const BACKLOG = 500;

const CPU: Yaml = { type: 'cpu', metricType: 'Utilization', metadata: { value: '70' } };

/** Every object of the cell but the ones that hold its settings. */
export function kubernetesObjects(cell: DeclaredCell, topology: Topology): readonly KubernetesObject[] {
  const { id, cloud } = cell;
  const labels = (part: string) => ({
    'app.kubernetes.io/name': 'polycell',
    'app.kubernetes.io/instance': id,
    'app.kubernetes.io/component': part,
  });
  const image = `polycell-${cloud}`;
  const named = (part: string) => ({ name: `${id}-${part}`, labels: labels(part) });
  const deployment = (part: string, memory: number): KubernetesObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: named(part),
    spec: {
      selector: { matchLabels: labels(part) },
      template: {
        metadata: { labels: { ...labels(part), ...(cloud === 'azure' && { 'azure.workload.identity/use': 'true' }) } },
        spec: {
          serviceAccountName: id,
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: USER,
            runAsGroup: USER,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'topology.kubernetes.io/zone',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels(part) },
            },
          ],
          containers: [
            {
              name: 'polycell',
              // The pipeline puts registry and digest in its place.
              image,
              env: [{ name: 'APP_RUN', value: part }],
              envFrom: [{ configMapRef: { name: `${id}-settings` } }, { secretRef: { name: `${id}-keys` } }],
              ports: [
                ...(part === 'http' ? [{ name: 'http', containerPort: PORTS.http }] : []),
                { name: 'health', containerPort: PORTS.health },
              ],
              livenessProbe: {
                httpGet: { path: '/healthz', port: 'health' },
                periodSeconds: 10,
                timeoutSeconds: 5,
                failureThreshold: 6,
              },
              readinessProbe: {
                httpGet: { path: '/readyz', port: 'health' },
                periodSeconds: 2,
                timeoutSeconds: 2,
                failureThreshold: 2,
              },
              resources: { requests: { cpu: '100m', memory: `${memory}Mi` }, limits: { memory: `${memory}Mi` } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  });
  const scaled = (part: string, bounds: object, triggers: readonly Yaml[]): KubernetesObject => ({
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: named(part),
    spec: {
      scaleTargetRef: { name: `${id}-${part}` },
      cooldownPeriod: 300,
      ...(bounds as Readonly<Record<string, Yaml>>),
      triggers,
    },
  });
  const disruption = (part: string): KubernetesObject => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: named(part),
    spec: { maxUnavailable: 1, selector: { matchLabels: labels(part) } },
  });
  const authenticationRef = { name: id };
  const backlog = (queue: string): Yaml =>
    cloud === 'aws'
      ? {
          type: 'aws-sqs-queue',
          metadata: { queueURL: `${id}-${queue}`, queueLength: String(BACKLOG), awsRegion: cell.region },
          authenticationRef,
        }
      : {
          type: 'azure-servicebus',
          // The module makes the namespace's name; infra/kubernetes/argo-cd.yaml puts it in.
          metadata: {
            namespace: 'YOURS',
            topicName: `${id}-events`,
            subscriptionName: queue,
            messageCount: String(BACKLOG),
          },
          authenticationRef,
        };
  // KEDA counts the shards of a DynamoDB stream; for the change feed of Cosmos DB it has no trigger of its own, and the processor's load stands for it.
  const feed: Yaml =
    cloud === 'aws'
      ? {
          type: 'aws-dynamodb-streams',
          metadata: { awsRegion: cell.region, tableName: `${id}-events`, shardCount: '4' },
          authenticationRef,
        }
      : CPU;
  return [
    {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'TriggerAuthentication',
      metadata: { name: id },
      spec: { podIdentity: { provider: cloud === 'aws' ? 'aws' : 'azure-workload' } },
    },
    deployment('http', topology.http.memoryMegabytes),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: named('http'),
      spec: { selector: labels('http'), ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    disruption('http'),
    scaled('http', SCALE.http, [CPU]),
    deployment('relay', topology.relay.memoryMegabytes),
    disruption('relay'),
    scaled('relay', SCALE.relay, [feed]),
    ...topology.consumers.flatMap(({ name, memoryMegabytes }) => [
      deployment(name, memoryMegabytes),
      scaled(
        name,
        SCALE.consumer,
        LANE_NAMES.map((lane) => backlog(queueOf(name, lane))),
      ),
    ]),
  ];
}

const MADE = '# Made by `npm run infra:generate` from infra/cells.json and infra/topology.json.\n';

/** File below infra/kubernetes → text: one file for each part, and the list of them. */
export function kubernetesFiles(cell: DeclaredCell, topology: Topology): Readonly<Record<string, string>> {
  const files = new Map<string, string>();
  for (const object of kubernetesObjects(cell, topology)) {
    const { name } = object.metadata;
    const file = name === cell.id ? 'authentication.yaml' : `${name.slice(cell.id.length + 1)}.yaml`;
    files.set(file, `${files.get(file) ?? MADE}---\n${yaml(object)}`);
  }
  const list = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: cell.id,
    resources: [...files.keys()],
  };
  files.set('kustomization.yaml', MADE + yaml(list));
  return Object.fromEntries([...files].map(([file, text]) => [`${cell.id}/${file}`, text]));
}

/** A value in YAML's block form. Every text is quoted as in JSON, of which YAML is a superset: no text is taken for a number or a truth value. */
export function yaml(value: Yaml, indent = ''): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return `${indent}[]\n`;
    return value.map((item: Yaml) => `${indent}- ${yaml(item, `${indent}  `).trimStart()}`).join('');
  }
  if (typeof value !== 'object') return `${indent}${JSON.stringify(value)}\n`;
  if (Object.keys(value).length === 0) return `${indent}{}\n`;
  return Object.entries(value)
    .map(([name, item]) => {
      const key = `${indent}${/^[A-Za-z][\w./-]*$/.test(name) ? name : JSON.stringify(name)}:`;
      const isBlock = typeof item === 'object' && Object.keys(item).length > 0;
      return isBlock ? `${key}\n${yaml(item, `${indent}  `)}` : `${key} ${yaml(item).trimStart()}`;
    })
    .join('');
}
