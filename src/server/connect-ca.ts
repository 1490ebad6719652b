/** ConnectCA.*, DiscoveryChain.*, AutoEncrypt.*, AutoConfig.* while Connect is off: the original's answers for that. */
import type { ServerCore } from "./core.ts";
import type { Handler, Handlers } from "./dispatcher.ts";
import { type ErrorCode, ServerError } from "./errors.ts";

const refuse = (code: ErrorCode): Handler<never> =>
  (() => {
    throw new ServerError(code);
  }) as Handler<never>;

export function connectEndpoints(_core: ServerCore) {
  const off = refuse("connectDisabled");
  return {
    "ConnectCA.ConfigurationGet": off,
    "ConnectCA.ConfigurationSet": off,
    "ConnectCA.Roots": off,
    "ConnectCA.Sign": off,
    "ConnectCA.SignIntermediate": off,
    "DiscoveryChain.Get": off,
    "AutoEncrypt.Sign": refuse("autoEncryptDisabled"),
    "AutoConfig.InitialConfiguration": refuse("autoConfigDisabled"),
  } satisfies Partial<Handlers>;
}
