/** /v1/openapi.json: what this API can do, for programs that read such descriptions. */
import { openApi } from "./openapi.ts";
import { type Route, route } from "./routes.ts";

/** The route that describes `routes` and itself. */
export function descriptionRoutes(routes: readonly Route[]): readonly Route[] {
  const all: Route[] = [...routes];
  let text: string | undefined;
  const self = route(
    "GET",
    "/v1/openapi.json",
    { summary: "This description (OpenAPI 3.1).", acl: "none" },
    (c) => {
      text ??= openApi(all, c.agent.stats().get("build")?.get("version") ?? "");
      return text;
    },
  );
  all.push(self);
  return [self];
}
