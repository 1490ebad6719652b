/** The rules of a legacy token in their present form, for `acl translate-rules` and `acl policy create -from-token`. */
import { translateRules } from "../acl/translate-rules.ts";
import type { AclToken } from "../client/acl.ts";
import type { TribuneClient } from "../client/client.ts";
import { ClientError } from "../client/errors.ts";
import { PartialIdError, tokenId } from "./acl-find.ts";
import { CommandError } from "./attempt.ts";
import type { Invocation } from "./command.ts";
import { queryOf } from "./http-options.ts";

/** Throws CommandError, its text behind `prefix`. */
export async function legacyRules(
  call: Invocation,
  client: TribuneClient,
  prefix: string,
  token: { readonly id: string; readonly secret: boolean },
): Promise<string> {
  const found = await legacyToken(call, client, prefix, token);
  if (!found?.Rules) throw new CommandError(`${prefix}Token is not a legacy token with rules`);
  return translateRules(found.Rules);
}

async function legacyToken(
  call: Invocation,
  client: TribuneClient,
  prefix: string,
  token: { readonly id: string; readonly secret: boolean },
): Promise<AclToken | null> {
  let id: string;
  try {
    // The original asks for the whole ID of a secret, too, though lists have none.
    id = await tokenId(call, client, token.id);
  } catch (error) {
    if (error instanceof ClientError || error instanceof PartialIdError)
      throw new CommandError(`${prefix}${error.message}`);
    throw error;
  }
  try {
    if (token.secret) return (await client.acl.self({ ...queryOf(call), token: id })).value;
    return (await client.acl.tokens.read(id, queryOf(call))).value;
  } catch (error) {
    if (error instanceof ClientError)
      throw new CommandError(`${prefix}Error reading token: ${error.message}`);
    throw error;
  }
}
