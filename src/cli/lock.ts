import { type ChildProcess, spawn } from "node:child_process";
import { posix } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CommandError, withClient } from "./attempt.ts";
import { type Command, EXIT, type Invocation } from "./command.ts";
import { CLIENT_FLAGS, SERVER_FLAGS } from "./http-options.ts";
import { LockError, LockHolder } from "./lock-holder.ts";
import { endOf, startFailure, userShell } from "./watch-handler.ts";

/** Between SIGTERM and SIGKILL. As Consul. */
const KILL_GRACE_MS = 5_000;

export const command: Command = {
  name: "lock",
  usage: "[options] prefix child...",
  description:
    "Runs a program while holding a lock (or one of n slots of a semaphore) at a prefix of the KV store. When the lock is lost or the command is interrupted, the child gets SIGTERM and, after a grace of 5 s, SIGKILL.\n\n    $ {program} lock service/backup/lock ./backup.sh",
  groups: [
    CLIENT_FLAGS,
    SERVER_FLAGS,
    {
      title: "Command Options",
      flags: [
        { name: "child-exit-code", kind: "bool", usage: "Exit with 2 when the child fails." },
        {
          name: "monitor-retry",
          kind: "int",
          fallback: "3",
          usage: "Server errors that are tolerated in a row while the lock is held.",
        },
        {
          name: "n",
          kind: "int",
          fallback: "1",
          usage: "Holders at the same time; more than 1 makes it a semaphore.",
        },
        { name: "name", kind: "string", usage: "Name of the session; default: made from child and prefix." },
        { name: "pass-stdin", kind: "bool", usage: "Hand standard input on to the child." },
        {
          name: "shell",
          kind: "bool",
          fallback: "true",
          usage: "Let a shell run the child; with -shell=false its words are run as they are.",
        },
        { name: "timeout", kind: "duration", usage: "Longest wait for the lock; 0: for ever." },
        { name: "try", kind: "duration", usage: "Old name of -timeout." },
        { name: "verbose", kind: "bool", usage: "Show every step." },
      ],
    },
  ],
  handlesInterrupt: true,
  run: async (call) => {
    const { args, flags } = call;
    const refuse = (text: string): number => {
      call.complain(text);
      return EXIT.error;
    };
    const [prefix, ...child] = args;
    const limit = flags.int("n");
    const timeoutMs = flags.durationMs("timeout") || flags.durationMs("try");
    if (limit <= 0) return refuse("Lock holder limit must be positive");
    if (prefix === undefined || child.length === 0)
      return refuse("Key prefix and child command must be specified");
    if (timeoutMs < 0) return refuse("Timeout must be positive");
    if (flags.int("monitor-retry") < 0) return refuse("Number for 'monitor-retry' must be >= 0");
    return withClient(call, "Lock acquisition failed", async (client) => {
      await client.agent.self();
      const path = posix.join(prefix.replace(/^\//, ""), ".").replace(/^\.$/, "");
      const verbose = (line: string): void => {
        if (flags.bool("verbose")) call.print(line);
      };
      verbose(
        limit === 1
          ? `Setting up lock at path: ${path}/.lock`
          : `Setting up semaphore (limit ${limit}) at prefix: ${path}`,
      );
      const holder = new LockHolder(client, {
        prefix: path,
        limit,
        sessionName: flags.string("name") || `Consul lock for '${child.join(" ")}' at '${path}'`,
        timeoutMs,
        monitorRetry: flags.int("monitor-retry"),
        signal: call.io.interrupt,
      });
      try {
        verbose("Attempting lock acquisition");
        const held = await holder.acquire();
        if (held === undefined)
          throw new CommandError(
            call.io.interrupt.aborted
              ? "Shutdown triggered during lock acquisition"
              : "Shutdown triggered or timeout during lock acquisition",
          );
        // `close` ends the watch too; that is no loss.
        held.lost.catch(() => {});
        const code = await runChild(call, child, held.lost, verbose);
        await holder.release();
        verbose((await holder.cleanUp()) ? "Cleanup succeeded" : "Cleanup aborted, lock in use");
        return code;
      } catch (error) {
        if (error instanceof LockError) throw new CommandError(`Lock acquisition failed: ${error.message}`);
        throw error;
      } finally {
        await holder.close();
      }
    });
  },
};

async function runChild(
  call: Invocation,
  words: readonly string[],
  lost: Promise<void>,
  verbose: (line: string) => void,
): Promise<number> {
  const { flags, io } = call;
  verbose("Starting handler");
  const [file, args] = flags.bool("shell")
    ? [userShell(io.env), ["-c", words.join(" ")]]
    : [words[0]!, words.slice(1)];
  const passStdin = flags.bool("pass-stdin");
  const child = spawn(file, args, {
    env: { ...io.env, CONSUL_LOCK_HELD: "true" },
    stdio: [passStdin ? "inherit" : "ignore", "inherit", "inherit"],
  });
  if (passStdin) verbose("Stdin passed to handler process");
  /** What there is to complain about, or "". */
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) =>
      resolve(`Error starting handler: ${startFailure(file, error)}`),
    );
    child.on("close", (code, signal) => {
      const end = endOf(code, signal);
      resolve(end === "" ? "" : `Error running handler: ${end}`);
    });
  });
  const interrupted = new Promise<"interrupted">((resolve) => {
    if (io.interrupt.aborted) resolve("interrupted");
    io.interrupt.addEventListener("abort", () => resolve("interrupted"), { once: true });
  });
  const first = await Promise.race([
    ended.then((failure) => ({ kind: "ended" as const, failure })),
    interrupted.then(() => ({ kind: "interrupted" as const })),
    lost.then(
      () => ({ kind: "lost" as const }),
      () => ({ kind: "lost" as const }),
    ),
  ]);
  if (first.kind === "ended") {
    verbose("Child terminated, releasing lock");
    if (first.failure === "") return EXIT.ok;
    call.complain(first.failure);
    return flags.bool("child-exit-code") ? EXIT.noMatch : EXIT.ok;
  }
  verbose(first.kind === "lost" ? "Lock lost, killing child" : "Shutdown triggered, killing child");
  await kill(child, ended, verbose);
  const failure = await ended;
  if (failure !== "") call.complain(failure);
  return first.kind === "lost" && flags.bool("child-exit-code") ? EXIT.noMatch : EXIT.ok;
}

async function kill(
  child: ChildProcess,
  ended: Promise<string>,
  verbose: (line: string) => void,
): Promise<void> {
  if (child.pid === undefined) {
    verbose("No child process to kill");
    return;
  }
  verbose(`Terminating child pid ${child.pid}`);
  child.kill("SIGTERM");
  const inTime = await Promise.race([ended.then(() => true), delay(KILL_GRACE_MS, false, { ref: false })]);
  if (inTime) {
    verbose("Child terminated");
    return;
  }
  verbose(`Child did not exit after grace period of ${KILL_GRACE_MS / 1000}s`);
  verbose(`Killing child pid ${child.pid}`);
  child.kill("SIGKILL");
  await ended;
}
