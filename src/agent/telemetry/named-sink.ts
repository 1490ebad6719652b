/** Who takes figures under their whole names: the memory of this process, or a collector outside. */

export type Labels = Readonly<Record<string, string>>;

export const NO_LABELS: Labels = {};

export interface NamedSink {
  count(name: string, by: number, labels: Labels): void;
  /** `bareName` is the name without this host's in it. */
  gauge(name: string, value: number, labels: Labels, bareName: string): void;
  sample(name: string, value: number, labels: Labels): void;
}

/** Somebody outside, to whom there is a way that must be closed. */
export interface Collector extends NamedSink {
  /** Sends what waits, then ends. */
  close(): Promise<void>;
}
