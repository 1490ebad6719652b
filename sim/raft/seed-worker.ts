/** A thread that runs the seeds it is given, one after the other. */
import { parentPort } from "node:worker_threads";
import { runTask, type SeedTask } from "./seed-task.ts";

parentPort?.on("message", (task: SeedTask) => {
  void runTask(task).then((outcome) => parentPort?.postMessage(outcome));
});
