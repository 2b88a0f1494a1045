// The manifests of a cell in Kubernetes: complete, tied together by names and labels, and safe by default.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';
import type { DeclaredCell } from '../../../build/infra/declared.ts';
import { type KubernetesObject, kubernetesFiles, kubernetesObjects, yaml } from '../../../build/infra/kubernetes.ts';
import { createTopology, declareConsumer } from '../../../core/cell/topology.ts';

const topology = createTopology(
  [declareConsumer({ name: 'totals' }, ['a.b'], 'derived'), declareConsumer({ name: 'mails' }, ['a.b'], 'home-only')],
  ['a.b'],
);
const cellOf = (cloud: 'aws' | 'azure') =>
  ({ id: `${cloud}-one`, cloud, region: 'somewhere-1' }) as unknown as DeclaredCell;
const PARTS = ['http', 'relay', 'totals', 'mails', 'replicate'];

// biome-ignore lint/suspicious/noExplicitAny: -- manifests are trees whose form the test states
const of = (objects: readonly KubernetesObject[], kind: string): any[] => objects.filter((each) => each.kind === kind);

describe.each(['aws', 'azure'] as const)('on %s', (cloud) => {
  const objects = kubernetesObjects(cellOf(cloud), topology);

  test('each part has a deployment that runs it alone, and something that scales it', () => {
    const deployments = of(objects, 'Deployment');
    expect(deployments.map(({ spec }) => spec.template.spec.containers[0].env)).toEqual(
      PARTS.map((value) => [{ name: 'APP_RUN', value }]),
    );
    expect(of(objects, 'ScaledObject').map(({ spec }) => spec.scaleTargetRef.name)).toEqual(
      deployments.map(({ metadata }) => metadata.name),
    );
    for (const { spec } of of(objects, 'ScaledObject')) {
      expect(spec.minReplicaCount).toBeGreaterThan(0);
      expect(spec.maxReplicaCount).toBeGreaterThan(spec.minReplicaCount);
    }
  });

  test('names are unique within their kind, and legal', () => {
    const names = objects.map(({ kind, metadata: { name } }) => `${kind} ${name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { metadata } of objects) expect(metadata.name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  });

  test('selectors choose the pods of their part and no others', () => {
    for (const { spec } of of(objects, 'Deployment')) {
      expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      expect(spec.selector.matchLabels['app.kubernetes.io/component']).toBe(
        spec.template.spec.containers[0].env[0].value,
      );
    }
    const [service] = of(objects, 'Service');
    expect(service.spec.selector).toEqual(of(objects, 'Deployment')[0].spec.selector.matchLabels);
    expect(of(objects, 'PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels)).toEqual(
      of(objects, 'Deployment')
        .slice(0, 2)
        .map(({ spec }) => spec.selector.matchLabels),
    );
  });

  test('pods run as no root, write nothing, gain nothing, are bounded, and get the time that they need to end', () => {
    for (const { spec } of of(objects, 'Deployment')) {
      const { containers, ...pod } = spec.template.spec;
      const [container] = containers;
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      // The drain and the limit of the stop, and something to spare.
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(5 + 40);
      expect(container.resources.limits.memory).toBe(container.resources.requests.memory);
      const ports = container.ports.map(({ name }: { name: string }) => name);
      for (const probe of ['livenessProbe', 'readinessProbe']) expect(ports).toContain(container[probe].httpGet.port);
    }
  });

  test('consumers are scaled by their own backlog, in each lane', () => {
    const triggers = of(objects, 'ScaledObject')
      .slice(2)
      .flatMap(({ spec }) => spec.triggers);
    expect(triggers.map(({ metadata }) => metadata.queueURL ?? metadata.subscriptionName)).toEqual(
      ['totals', 'mails', 'replicate']
        .flatMap((queue) => [`${queue}_side`, queue])
        .map((queue) => (cloud === 'aws' ? `aws-one-${queue}` : queue)),
    );
    const [authentication] = of(objects, 'TriggerAuthentication');
    for (const { authenticationRef } of triggers) expect(authenticationRef.name).toBe(authentication.metadata.name);
  });
});

test('the image is the one that the Dockerfile makes, with its user, ports and health checks', () => {
  const dockerfile = readFileSync(path.join(root, 'containers/Dockerfile'), 'utf8');
  expect(dockerfile).toMatch(/^FROM node:\d+\.\d+\.\d+-[\w-]+(@sha256:[0-9a-f]{64})?$/m);
  expect(dockerfile).toContain('USER 65532:65532');
  expect(dockerfile).toContain('APP_PORT=8080 APP_HEALTH_PORT=8081');
});

test('each part has a file of its own, and Kustomize takes all of them', () => {
  const files = kubernetesFiles(cellOf('aws'), topology);
  const parts = ['authentication', ...PARTS].map((part) => `${part}.yaml`);
  expect(Object.keys(files)).toEqual([...parts, 'kustomization.yaml'].map((file) => `aws-one/${file}`));
  for (const part of parts) expect(files['aws-one/kustomization.yaml']).toContain(`- "${part}"`);
});

test('Argo CD takes declared cells, each with the image of its cloud', () => {
  const cells: { id: string; cloud: string }[] = JSON.parse(readFileSync(path.join(root, 'infra/cells.json'), 'utf8'));
  const text = readFileSync(path.join(root, 'infra/kubernetes/argo-cd.yaml'), 'utf8');
  const taken = [...text.matchAll(/- cell: (\S+)\n\s+image: polycell-(\w+)=/g)].map(
    ([, id, cloud]) => `${id} ${cloud}`,
  );
  expect(taken.length).toBeGreaterThan(0);
  expect(cells.map(({ id, cloud }) => `${id} ${cloud}`)).toEqual(expect.arrayContaining(taken));
});

test('YAML: texts are quoted, lists and objects are indented, empty ones are written in place', () => {
  const value = { a: 'yes', 'x y': 1, list: [{ b: true, c: [] }, 'null', ['n']], none: {}, text: 'a: "b"\n# c' };
  expect(yaml(value)).toBe(
    [
      'a: "yes"',
      '"x y": 1',
      'list:',
      '  - b: true',
      '    c: []',
      '  - "null"',
      '  - - "n"',
      'none: {}',
      'text: "a: \\"b\\"\\n# c"',
      '',
    ].join('\n'),
  );
});
