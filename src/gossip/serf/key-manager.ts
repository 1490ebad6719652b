/** Keyring operations over the whole pool, by internal queries. Source: observed in serf 0.9.4. */
import type { KeyResponse, QueryHandlers, QueryOptions } from "../contract.ts";
import { GossipError } from "../errors.ts";
import { KEY_QUERIES } from "./internal-queries.ts";
import { decodeSerf, encodeSerf, type KeyAnswer, keyAnswer, keyRequest, SERF_MESSAGE } from "./messages.ts";

export type KeyOperation = keyof typeof KEY_QUERIES;

type Ask = (
  name: string,
  payload: Uint8Array,
  options: QueryOptions,
  handlers: QueryHandlers,
) => { readonly close: () => void };

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Where Go's decoder says that base64 is wrong: at the character, or at the start of the group that is not whole. */
function base64Fault(text: string): number {
  const wrong = text.search(/[^A-Za-z0-9+/=]/);
  const whole = text.length - (text.length % 4);
  const padding = text.search(/=/);
  if (wrong >= 0 && wrong < whole) return wrong;
  if (padding >= 0 && padding < whole - 2) return padding;
  return wrong >= 0 ? wrong : text.length % 4 === 0 && padding >= 0 ? padding : whole;
}

/** Resolves when `nodes` members answered or the query timed out. Throws {@link GossipError} for a bad key. */
export function runKeyOperation(
  operation: KeyOperation,
  key: string,
  options: { readonly relayFactor: number; readonly nodes: number },
  ask: Ask,
): Promise<KeyResponse> {
  if (operation !== "list" && !BASE64.test(key))
    throw new GossipError(`illegal base64 data at input byte ${base64Fault(key)}`);
  const raw = operation === "list" ? Buffer.alloc(0) : Buffer.from(key, "base64");
  const request = encodeSerf(SERF_MESSAGE.keyRequest, keyRequest, { Key: raw });
  const messages = new Map<string, string>();
  const keys = new Map<string, number>();
  const primaryKeys = new Map<string, number>();
  let numResp = 0;
  let numErr = 0;
  return new Promise((resolve) => {
    const asked = ask(
      KEY_QUERIES[operation],
      request,
      { relayFactor: options.relayFactor },
      {
        onResponse: (from, payload) => {
          const answer = decodeAnswer(Buffer.from(payload));
          numResp++;
          if (answer === undefined) {
            messages.set(from, "Failed to decode key query response");
            numErr++;
          } else {
            if (!answer.Result) {
              messages.set(from, answer.Message);
              numErr++;
            } else if (answer.Message !== "") messages.set(from, answer.Message);
            for (const k of answer.Keys ?? []) keys.set(k, (keys.get(k) ?? 0) + 1);
            // A node without one, or asked for something else, counts under "" (observed in Consul 1.8.7).
            primaryKeys.set(answer.PrimaryKey, (primaryKeys.get(answer.PrimaryKey) ?? 0) + 1);
          }
          if (numResp >= options.nodes) asked.close();
        },
        onDone: () => {
          const numNodes = options.nodes;
          const failure =
            numErr > 0
              ? `${numErr}/${numNodes} nodes reported failure`
              : numResp < numNodes
                ? `${numResp}/${numNodes} nodes reported success`
                : undefined;
          resolve({
            messages,
            numNodes,
            numResp,
            numErr,
            keys,
            primaryKeys,
            ...(failure === undefined ? {} : { error: failure }),
          });
        },
      },
    );
  });
}

function decodeAnswer(payload: Buffer): KeyAnswer | undefined {
  if (payload[0] !== SERF_MESSAGE.keyResponse) return undefined;
  try {
    return decodeSerf("key response", keyAnswer, payload);
  } catch {
    return undefined;
  }
}
