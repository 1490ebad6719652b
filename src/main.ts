#!/usr/bin/env node
/** The program: its name, its streams and signals, and the command line handed to cli/run.ts. */
import { basename } from "node:path";
import process from "node:process";
import type { Io } from "./cli/command.ts";
import { runCli } from "./cli/run.ts";

/** Called `consul` the program says so wherever it names itself; it behaves the same. */
const program =
  basename(process.argv0) === "consul" || basename(process.execPath) === "consul" ? "consul" : "tribune";

const interrupt = new AbortController();

const io: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  stdin: async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  },
  env: process.env,
  program,
  get interrupt() {
    // Asking for the signal takes the default (the process ends) away.
    if (process.listenerCount("SIGINT") === 0) {
      const abort = (): void => {
        // Whoever asks twice does not want to wait for the cleaning up.
        if (interrupt.signal.aborted) process.exit(1);
        interrupt.abort(new Error("interrupted"));
      };
      process.on("SIGINT", abort);
      process.on("SIGTERM", abort);
    }
    return interrupt.signal;
  },
};

// `tribune kv get -recurse x | head` closes the pipe early: no error of ours.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
process.title = program;

runCli(process.argv.slice(2), io).then(
  // What was written must be out before the process ends; what is merely idle (kept-alive connections) must not hold it.
  (code) => process.stdout.write("", () => process.stderr.write("", () => process.exit(code))),
  (error: unknown) => {
    io.err(`${program}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
