import { del, family, get, http, post, put } from "../case.ts";

const KEY = "WbL6oaTPom+7RG7Q/INbJWKy09OLar/Hf2SuOAdoQE4=";
const SECOND_KEY = "4r1sHbzmPpyRO0VHqbJGD7kGT5iM6DE4gIXCoH4fZ3c=";
/** That of the worlds. */
const PRIMARY_KEY = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=";

export const operator = family("operator", [
  ...[
    "raft/configuration",
    "raft/configuration?stale",
    "raft/configuration?dc=dc2",
    "raft/configuration?dc=dc9",
    "autopilot/configuration",
    "autopilot/configuration?dc=dc9",
    "autopilot/health",
    "autopilot/health?dc=dc9",
    "keyring?relay-factor=9",
    "keyring?relay-factor=x",
    "keyring?relay-factor=-1",
    "keyring?local-only=x",
    "keyring?local-only=true",
    "keyring",
    "keyring?relay-factor=2",
  ].map((p) => get(`/v1/operator/${p}`)),
  get("/v1/operator/raft/configuration", { at: "c1" }),
  get("/v1/operator/autopilot/health", { at: "c1" }),
  get("/v1/operator/keyring", { at: "c1" }),
  ...["", "?id=zz", "?address=1.2.3.4:8300", "?id=a&address=b", "?address="].map((p) =>
    del(`/v1/operator/raft/peer${p}`),
  ),
  del("/v1/operator/raft/peer?id=zz", { at: "c1" }),
  ...[
    "",
    "{",
    '{"Bogus":1}',
    '{"LastContactThreshold":"zz"}',
    '{"MaxTrailingLogs":-1}',
    '{"MaxTrailingLogs":"x"}',
    '{"CleanupDeadServers":"x"}',
    '{"ServerStabilizationTime":5}',
  ].map((b) => put("/v1/operator/autopilot/configuration", b)),
  put("/v1/operator/autopilot/configuration?cas=zz", "{}"),
  put("/v1/operator/autopilot/configuration?cas=1", "{}"),
  put("/v1/operator/autopilot/configuration?dc=dc9", "{}"),
  get("/v1/operator/autopilot/configuration", { keep: { index: "ModifyIndex" } }),
  put("/v1/operator/autopilot/configuration?cas={{index}}", {
    CleanupDeadServers: true,
    LastContactThreshold: "300ms",
    MaxTrailingLogs: 200,
    ServerStabilizationTime: "12s",
    MinQuorum: 1,
  }),
  get("/v1/operator/autopilot/configuration"),
  put(
    "/v1/operator/autopilot/configuration",
    {
      CleanupDeadServers: true,
      LastContactThreshold: "200ms",
      MaxTrailingLogs: 250,
      ServerStabilizationTime: "10s",
    },
    { at: "c1" },
  ),
  ...[post, put].flatMap((m) =>
    ["", "{", '{"Bogus":1}', '{"Key":"x"}', '{"Key":"!!!"}', '{"Key":"AAAA"}', '{"Key":""}'].map((b) =>
      m("/v1/operator/keyring", b, { view: "sorted" }),
    ),
  ),
  put("/v1/operator/keyring", { Key: KEY }, { view: "sorted" }),
  post("/v1/operator/keyring?local-only=true", { Key: KEY }),
  post("/v1/operator/keyring?relay-factor=7", { Key: KEY }),
  post("/v1/operator/keyring", { Key: KEY }),
  get("/v1/operator/keyring"),
  put("/v1/operator/keyring", { Key: KEY }, { at: "c1" }),
  // A second key comes, is used, and goes.
  put("/v1/operator/keyring", { Key: SECOND_KEY }, { view: "sorted" }),
  post("/v1/operator/keyring?relay-factor=1", { Key: SECOND_KEY }),
  put("/v1/operator/keyring?relay-factor=1", { Key: SECOND_KEY }),
  put("/v1/operator/keyring", { Key: PRIMARY_KEY }),
  del("/v1/operator/keyring?relay-factor=9"),
  http("DELETE", "/v1/operator/keyring", {}),
  http("DELETE", "/v1/operator/keyring", { Key: PRIMARY_KEY }, { view: "sorted" }),
  http("DELETE", "/v1/operator/keyring?relay-factor=1", { Key: SECOND_KEY }),
  get("/v1/operator/keyring"),
]);
