// Asking the server, with words for everything that can go wrong.

const FAILED = "The server has failed. Its log says why.";

/** Failure of a request, with a message for the page. */
export class AskError extends Error {}

/** Post `body` as JSON, or get when there is none; return the JSON of the answer. */
export async function ask(address, body, signal) {
  const response = await send(address, body, signal);
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new AskError(answer?.message ?? FAILED);
}

/**
 * The same of an answer that comes line by line, each better than the one before and the last
 * one `finished`; `online` is called with the JSON of each.
 */
export async function askLines(address, body, signal, online) {
  const response = await send(address, body, signal);
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new AskError(answer?.message ?? FAILED);
  }
  let text = "";
  let finished = false;
  for await (const part of parts(response.body.pipeThrough(new TextDecoderStream()))) {
    const lines = (text + part).split("\n");
    text = lines.pop();
    for (const line of lines) {
      const answer = JSON.parse(line);
      ({ finished } = answer);
      online(answer);
    }
  }
  if (!finished) throw new AskError(FAILED);
}

/** The parts of a stream. Not every browser can iterate over one. */
async function* parts(stream) {
  const reader = stream.getReader();
  const read = () =>
    reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new AskError(FAILED); // cut off in the middle
    });
  for (let { done, value } = await read(); !done; { done, value } = await read()) yield value;
}

async function send(address, body, signal) {
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
  return response;
}

function token() {
  return document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";
}
