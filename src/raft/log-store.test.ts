import { MemoryLogStore } from "./log-store.ts";
import { logStoreSuite } from "./log-store-suite.ts";

logStoreSuite("memory log store", () => {
  const store = new MemoryLogStore();
  return { store, reopen: () => store };
});
