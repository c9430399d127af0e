// Asking the server, with words for everything that can go wrong.

/** Failure of a request, with a message for the page. */
export class AskError extends Error {}

/** Post `body` as JSON, or get when there is none; return the JSON of the answer. */
export async function ask(address, body, signal) {
  let response;
  try {
    response = await fetch(address, {
      method: body ? "POST" : "GET",
      credentials: "same-origin",
      redirect: "manual",
      headers: body && { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: body && JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new AskError("The server cannot be reached.");
  }
  if (response.type === "opaqueredirect") throw new AskError("You are signed out: sign in again.");
  if (response.status === 403) throw new AskError("You may not do this, or you are signed out.");
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new AskError(answer?.message ?? "The server has failed. Its log says why.");
}

function token() {
  return document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";
}
