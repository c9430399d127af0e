// A Cloudflare worker that keeps each version of a page with keyed slots.
// Put in your own: the site's prefix (/p/).
const KEY = "X-Personalization-Key";

export default {
  async fetch(request, environment, context) {
    const url = new URL(request.url);
    if (!["GET", "HEAD"].includes(request.method) || /^\/(static|p)\//.test(url.pathname)) {
      return fetch(request);
    }
    const key = await keyFor(request, url);
    const asked = new Request(request);
    asked.headers.delete(KEY); // only this worker says what the key is
    if (!key) return fetch(asked, { cf: { cacheTtl: 0 } });
    asked.headers.set(KEY, key);

    // Cloudflare does not vary by our header, so the key goes into the address it keeps.
    const kept = new URL(url);
    kept.searchParams.set("__personalization_key", key);
    const name = new Request(kept, { method: "GET" });
    const found = await caches.default.match(name);
    if (found) return forBrowser(found);

    const response = await fetch(asked, { cf: { cacheTtl: 0 } });
    if (request.method === "GET" && mayKeep(response)) {
      const copy = new Response(response.clone().body, response);
      copy.headers.delete("Vary");
      context.waitUntil(caches.default.put(name, copy));
    }
    return forBrowser(response);
  },
};

/** Return the key of the page for who asks; nothing where the site does not tell. */
async function keyFor(request, url) {
  if (!/(^|;\s*)pz_(id|preview)=/.test(request.headers.get("Cookie") || "")) return "default";
  const question = new URL("/p/v1/key", url);
  question.searchParams.set("path", url.pathname + url.search);
  const headers = new Headers(request.headers);
  headers.delete(KEY);
  try {
    const answer = await fetch(question, { headers, cf: { cacheTtl: 0 } });
    return answer.headers.get(KEY);
  } catch {
    return null;
  }
}

/** The site says `public` only to a response whose key was the right one. */
function mayKeep(response) {
  const vary = (response.headers.get("Vary") || "").toLowerCase().split(/\s*,\s*/);
  const others = vary.filter((name) => name && ![KEY.toLowerCase(), "accept-encoding"].includes(name));
  const said = response.headers.get("Cache-Control") || "";
  return response.status === 200 && others.length === 0 &&
    /\bpublic\b/.test(said) && /\bs-maxage=[1-9]/.test(said) && !response.headers.has("Set-Cookie");
}

/** Browsers ask again each time, so that a changed segment shows at once. */
function forBrowser(response) {
  const answer = new Response(response.body, response);
  if (/\bs-maxage=/.test(answer.headers.get("Cache-Control") || "")) {
    answer.headers.set("Cache-Control", "private, no-cache");
  }
  return answer;
}
