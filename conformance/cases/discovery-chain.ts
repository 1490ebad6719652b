import { family, get, post } from "../case.ts";

export const discoveryChain = family("discovery-chain", [
  ...[
    "web",
    "split",
    "redir",
    "fail",
    "snake",
    "nope",
    "",
    "web?compile-dc=dc2",
    "web?dc=dc9",
    "web?ns=a",
    "web?stale",
    "web?index=x",
    "ext-sni",
  ].map((p) => get(`/v1/discovery-chain/${p}`)),
  get("/v1/discovery-chain/split", { at: "c1" }),
  get("/v1/discovery-chain/split?cached", { at: "c1" }),
  get("/v1/discovery-chain/split?cached", { at: "c1" }),
  ...[
    "",
    "{",
    '{"Bogus":1}',
    '{"OverrideProtocol":"grpc","OverrideConnectTimeout":"7s"}',
    '{"OverrideMeshGateway":{"Mode":"zz"}}',
    '{"OverrideMeshGateway":{"Mode":"local"}}',
    '{"OverrideConnectTimeout":"zz"}',
    '{"OverrideProtocol":"tcp"}',
  ].map((b) => post("/v1/discovery-chain/zzz", b)),
  post("/v1/discovery-chain/", "{}"),
]);
