import { UnexpectedResponseError } from "../client/errors.ts";
import { CommandError, withClient } from "./attempt.ts";
import { columns } from "./columns.ts";
import { type Command, EXIT } from "./command.ts";
import { queryOf } from "./http-options.ts";
import { destinationOf, INTENTION_HTTP_FLAGS, namedIntentionId, sourceOf } from "./intention-find.ts";

export const command: Command = {
  name: "intention get",
  usage: "[options] SRC DST | ID",
  description: "Shows an intention, by its two services or by its ID.",
  groups: [...INTENTION_HTTP_FLAGS],
  run: (call) =>
    withClient(call, "Error reading the intention", async (client) => {
      const id = await namedIntentionId(call, client);
      const { value: i } = await client.connect.intention(id, queryOf(call)).catch((error: unknown) => {
        // The original words this one answer in its own way.
        if (error instanceof UnexpectedResponseError)
          throw new CommandError(
            `Error reading the intention: Unexpected response ${error.statusCode}: ${error.body}`,
          );
        throw error;
      });
      if (i === null) throw new CommandError(`Error: Intention with ID ${JSON.stringify(id)} not found.`);
      const rows: (readonly [string, string])[] = [
        ["Source:", sourceOf(i)],
        ["Destination:", destinationOf(i)],
        ["Action:", i.Action],
        ["ID:", i.ID ?? ""],
      ];
      if (i.Description) rows.push(["Description:", i.Description]);
      for (const [k, v] of Object.entries(i.Meta ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
        rows.push([`Meta[${k}]:`, v]);
      rows.push(["Created At:", rfc850(i.CreatedAt ?? "")]);
      call.print(columns(rows));
      return EXIT.ok;
    }),
};

/** Local time as `Monday, 02-Jan-06 15:04:05 MST`. */
export function rfc850(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const part = (options: Intl.DateTimeFormatOptions, type: Intl.DateTimeFormatPartTypes): string =>
    new Intl.DateTimeFormat("en-US", options).formatToParts(time).find((p) => p.type === type)?.value ?? "";
  const two = (n: number): string => String(n).padStart(2, "0");
  const date = `${two(time.getDate())}-${part({ month: "short" }, "month")}-${two(time.getFullYear() % 100)}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${part({ weekday: "long" }, "weekday")}, ${date} ${clock} ${part({ timeZoneName: "short" }, "timeZoneName")}`;
}
