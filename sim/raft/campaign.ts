/** Many seeds, on some threads, until a goal is met or a seed fails. */
import { Worker } from "node:worker_threads";
import { runTask, type SeedOutcome, type SeedTask } from "./seed-task.ts";

/** Runs make much garbage and keep little: a large nursery leaves less to copy. */
const YOUNG_MB = 64;

export interface Campaign {
  /** The next seed's run; undefined when there shall be no more. */
  readonly next: () => SeedTask | undefined;
  /** Called in the order in which runs end. False: no more runs. */
  readonly onOutcome: (outcome: SeedOutcome) => boolean;
  /** 1 runs in this thread. */
  readonly workers: number;
}

export async function runCampaign(campaign: Campaign): Promise<void> {
  if (campaign.workers <= 1) {
    for (let task = campaign.next(); task !== undefined; task = campaign.next())
      if (!campaign.onOutcome(await runTask(task))) return;
    return;
  }
  let ended = false;
  await Promise.all(
    Array.from({ length: campaign.workers }, async () => {
      const worker = new Worker(new URL("./seed-worker.ts", import.meta.url), {
        execArgv: ["--disable-warning=ExperimentalWarning"],
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      });
      try {
        for (let task = campaign.next(); task !== undefined && !ended; task = campaign.next())
          if (!campaign.onOutcome(await ask(worker, task))) ended = true;
      } finally {
        await worker.terminate();
      }
    }),
  );
}

function ask(worker: Worker, task: SeedTask): Promise<SeedOutcome> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners("message").removeAllListeners("error");
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.postMessage(task);
  });
}
