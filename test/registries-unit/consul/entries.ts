/** What the health endpoint says of an instance, with what a test wants to be different. */
export function healthEntry({
  id = 'users-1',
  node = 'node-1',
  service = {},
  nodeFields = {},
  checks = ['passing'],
}: {
  readonly id?: unknown;
  readonly node?: unknown;
  readonly service?: object;
  readonly nodeFields?: object;
  readonly checks?: readonly unknown[];
} = {}): object {
  return {
    Node: { ID: '0fb6b530', Node: node, Address: '10.1.0.1', Datacenter: 'dc1', Meta: {}, ...nodeFields },
    Service: {
      ID: id,
      Service: 'users',
      Tags: [],
      Address: '10.0.0.1',
      Port: 8080,
      Meta: {},
      Weights: { Passing: 1, Warning: 1 },
      ...service,
    },
    Checks: checks.map((Status, index) => ({ CheckID: `check ${index}`, Status })),
  };
}
