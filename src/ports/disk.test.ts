import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Disk, makeFolder, memoryDisk, realDisk } from "./disk.ts";

function diskSuite(
  name: string,
  open: () => Promise<{ disk: Disk; root: string; close(): Promise<void> }>,
): void {
  test(`${name}: what is written is read, listed and removed`, async () => {
    const { disk, root, close } = await open();
    try {
      await disk.mkdir(join(root, "services"));
      assert.equal(await disk.read(join(root, "services", "a")), undefined);
      await disk.writeAtomic(join(root, "services", "a"), Buffer.from("1"));
      await disk.writeAtomic(join(root, "services", "a"), Buffer.from("2"));
      assert.equal((await disk.read(join(root, "services", "a")))?.toString(), "2");
      assert.deepEqual(await disk.list(join(root, "services")), ["a"]);
      await disk.remove(join(root, "services"));
      assert.deepEqual(await disk.list(join(root, "services")), []);
      await disk.remove(join(root, "services"));
    } finally {
      await close();
    }
  });
}

diskSuite("memory", async () => ({ disk: memoryDisk(), root: "/data", close: async () => {} }));
diskSuite("real", async () => {
  const root = await mkdtemp(join(tmpdir(), "tribune-disk-"));
  return { disk: realDisk, root, close: () => rm(root, { recursive: true }) };
});

test("real: a file is private and no temporary name stays behind", async () => {
  const root = await mkdtemp(join(tmpdir(), "tribune-disk-"));
  try {
    await realDisk.writeAtomic(join(root, "node-id"), Buffer.from("x"));
    assert.equal((await stat(join(root, "node-id"))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(root), ["node-id"]);
  } finally {
    await rm(root, { recursive: true });
  }
});

test("real: many files at once into a folder that is not there yet", async () => {
  const root = await mkdtemp(join(tmpdir(), "tribune-disk-"));
  try {
    const names = Array.from({ length: 40 }, (_, i) => `f${i}`);
    const write = (n: string): Promise<void> =>
      realDisk.writeAtomic(join(root, "a", "b", n), Buffer.from(n), { makeFolder: true });
    await Promise.all(names.map(write));
    assert.deepEqual((await readdir(join(root, "a", "b"))).sort(), names.sort());
    await assert.rejects(realDisk.writeAtomic(join(root, "c", "f"), Buffer.from("x")), { code: "ENOENT" });
  } finally {
    await rm(root, { recursive: true });
  }
});

test("makeFolder() makes what is missing, accepts what is there, and refuses where none can be", async () => {
  const root = await mkdtemp(join(tmpdir(), "tribune-disk-"));
  try {
    await makeFolder(join(root, "a/b/c"));
    await makeFolder(join(root, "a/b/c"));
    assert.ok((await stat(join(root, "a/b/c"))).isDirectory());
    await realDisk.writeAtomic(join(root, "file"), Buffer.from("x"));
    await assert.rejects(makeFolder(join(root, "file")), { code: "EEXIST" });
    await assert.rejects(makeFolder(join(root, "file/below")), { code: "ENOTDIR" });
  } finally {
    await rm(root, { recursive: true });
  }
});

// Node's own recursive mkdir never comes back from this one.
test(
  "makeFolder() fails where the file system takes no folders",
  { skip: process.platform !== "linux" },
  () => assert.rejects(makeFolder("/proc/tribune-none/below"), { code: "ENOENT" }),
);
