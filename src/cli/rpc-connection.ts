/** The commands' way over the 8400 protocol. Loaded only when it is asked for. */
import { CliRpcClient } from "../client/cli-rpc.ts";

/** Connects, works, closes. Rejects with ClientConfigError when no agent listens at `address`. */
export async function withCliRpc<T>(address: string, work: (client: CliRpcClient) => Promise<T>): Promise<T> {
  const client = await CliRpcClient.connect(address);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
