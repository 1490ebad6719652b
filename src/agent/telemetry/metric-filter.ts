/** Which figures are kept and sent: the rule with the longest prefix decides, where none fits the default does. */

export interface MetricFilterRules {
  readonly allowed: readonly string[];
  readonly blocked: readonly string[];
  readonly byDefault: boolean;
}

/** A prefix that is both allowed and blocked is blocked, as in Consul 1.8.7. */
export function metricFilter(rules: MetricFilterRules): (name: string) => boolean {
  const verdicts = new Map<string, boolean>([
    ...rules.allowed.map((p) => [p, true] as const),
    ...rules.blocked.map((p) => [p, false] as const),
  ]);
  const ordered = [...verdicts].sort(([a], [b]) => b.length - a.length);
  return (name) => ordered.find(([prefix]) => name.startsWith(prefix))?.[1] ?? rules.byDefault;
}
