/** Where this server is: the page stands at `{root}/ui/`, the API beside it. */

/** The path of the API's root, without a slash at its end; empty at the root of a host. */
export const root = new URL(document.baseURI).pathname.replace(/\/ui\/$/, "");

/** The path of a resource, from parts that may hold anything. */
export function pathOf(...parts: (string | number)[]): string {
  return `/${parts.map((part) => encodeURIComponent(String(part))).join("/")}`;
}

/** The address of a resource of the API, for links, pictures and streams. */
export function addressOf(path: string, query: Record<string, string | number | boolean | undefined> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  const search = new URLSearchParams(given).toString();
  return root + path + (search ? `?${search}` : "");
}
