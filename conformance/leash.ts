/**
 * Ends process groups when this process ends, however that comes about: a shell of its own waits for our end of a pipe to close,
 * which the kernel does even after SIGKILL.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import process from "node:process";

// `kill -s KILL -- -N` is the one form that every shell's own kill takes.
const SCRIPT = `
groups=" "
while read -r verb group; do
  case $verb in
    hold) groups="$groups$group " ;;
    release) case $groups in *" $group "*) groups="\${groups%%" $group "*} \${groups#*" $group "}" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

export class Leash {
  #shell: ChildProcess | undefined;

  #tell(verb: "hold" | "release", group: number): void {
    if (this.#shell === undefined) {
      // In a group of its own, so that a terminal's interrupt does not end it first.
      this.#shell = spawn("/bin/sh", ["-c", SCRIPT], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
      this.#shell.stdin!.on("error", () => {});
      this.#shell.unref();
      (this.#shell.stdin as Socket).unref();
    }
    this.#shell.stdin!.write(`${verb} ${group}\n`);
  }

  /** From now on the group ends with this process. */
  hold(group: number): void {
    this.#tell("hold", group);
  }

  /** The group has ended, its number may go to another. */
  release(group: number): void {
    this.#tell("release", group);
  }
}

/** Kills a process group; none there is as well. */
export function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== "ESRCH") throw e;
  }
}

/** Every process that a run starts is held by it. */
export const leash: Leash = new Leash();
