/** Writes a pool's snapshot file: appends in batches, compacts when it has grown. */
import { dirname } from "node:path";
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Disk } from "../../ports/disk.ts";
import type { Logger } from "../../ports/log.ts";
import type { Metrics } from "../../ports/metrics.ts";
import { errorText } from "../errors.ts";
import { SNAPSHOT_BYTES_MAX, SNAPSHOT_PENDING_BYTES_MAX } from "../limits.ts";
import { replaySnapshot, Snapshot, type SnapshotState } from "./snapshot.ts";

/** Appends happen at most this often, ms. */
const FLUSH_INTERVAL_MS = 500;
/** After a failed write, a whole new file is tried at most this often, ms. */
const RECOVERY_INTERVAL_MS = 30_000;

export interface SnapshotWriterPorts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class SnapshotWriter {
  readonly snapshot: Snapshot;
  readonly #path: string;
  readonly #ports: SnapshotWriterPorts;
  #pending = "";
  #bytes: number;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failedAt: number | undefined;
  #closed = false;

  private constructor(path: string, snapshot: Snapshot, bytes: number, ports: SnapshotWriterPorts) {
    this.#path = path;
    this.snapshot = snapshot;
    this.#bytes = bytes;
    this.#ports = ports;
  }

  /** Reads what the file holds. A damaged file costs its damaged lines only. */
  static async open(
    path: string,
    options: { readonly rejoinAfterLeave: boolean },
    ports: SnapshotWriterPorts,
  ): Promise<{ readonly writer: SnapshotWriter; readonly state: SnapshotState }> {
    await ports.disk.mkdir(dirname(path));
    const bytes = (await ports.disk.read(path)) ?? Buffer.alloc(0);
    if (bytes.length > SNAPSHOT_BYTES_MAX)
      ports.log.warn(
        `Snapshot ${path} has ${bytes.length} bytes, reading only the last ${SNAPSHOT_BYTES_MAX}`,
      );
    const state = replaySnapshot(bytes.subarray(-SNAPSHOT_BYTES_MAX).toString("utf8"), options);
    for (const line of state.badLines.slice(0, 10))
      ports.log.warn(`Skipped a snapshot line that makes no sense: ${JSON.stringify(line.slice(0, 100))}`, {
        path,
      });
    const snapshot = new Snapshot(state, options);
    const writer = new SnapshotWriter(path, snapshot, bytes.length, ports);
    // A torn tail must not run into the next line.
    if (state.badLines.length > 0) await writer.#compact();
    return { writer, state };
  }

  /** Adds lines; they reach the disk within half a second. */
  write(lines: string): void {
    if (lines === "" || this.#closed) return;
    this.#pending += lines;
    if (this.#pending.length > SNAPSHOT_PENDING_BYTES_MAX) {
      // The disk does not keep up: the state as a whole is smaller than the way to it.
      this.#pending = "";
      this.#failedAt ??= Number.NEGATIVE_INFINITY;
    }
    this.#timer ??= this.#ports.clock.timer(FLUSH_INTERVAL_MS, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  /** Writes what waits; never rejects. */
  flush(options: { readonly sync?: boolean } = {}): Promise<void> {
    this.#writing = this.#writing.then(() => this.#flushNow(options.sync ?? false));
    return this.#writing;
  }

  async #flushNow(sync: boolean): Promise<void> {
    const { clock, disk, log, metrics } = this.#ports;
    if (this.#failedAt !== undefined) {
      if (clock.now() - this.#failedAt < RECOVERY_INTERVAL_MS && !sync) return;
      return this.#compact();
    }
    const lines = this.#pending;
    if (lines === "" && !sync) return;
    this.#pending = "";
    try {
      const bytes = Buffer.from(lines);
      await disk.append(this.#path, bytes, { sync });
      this.#bytes += bytes.length;
      metrics.count("serf.snapshot.appendLine");
    } catch (error) {
      this.#failedAt = clock.now();
      log.error(`Failed to update snapshot: ${errorText(error)}`, { path: this.#path });
      return;
    }
    if (this.#bytes > this.snapshot.compactFromBytes) await this.#compact();
  }

  async #compact(): Promise<void> {
    const { clock, disk, log, metrics } = this.#ports;
    const started = clock.now();
    this.#pending = "";
    const bytes = Buffer.from(this.snapshot.compacted());
    try {
      await disk.writeAtomic(this.#path, bytes, { mode: 0o644 });
      this.#bytes = bytes.length;
      this.#failedAt = undefined;
      metrics.sample("serf.snapshot.compact", clock.now() - started);
    } catch (error) {
      this.#failedAt = clock.now();
      log.error(`Failed to compact snapshot: ${errorText(error)}`, { path: this.#path });
    }
  }

  /** Writes and syncs what waits, then accepts nothing more. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.flush({ sync: true });
    this.#closed = true;
  }
}
