// Lengths of time as ISO 8601 writes them, and as the editor shows them: a number of one unit.

export const UNITS = ["minutes", "hours", "days", "weeks"];

const SECONDS = { weeks: 604800, days: 86400, hours: 3600, minutes: 60, seconds: 1 };
const LETTERS = { weeks: "W", days: "D", hours: "H", minutes: "M", seconds: "S" };
const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Read an ISO 8601 duration as a number of one unit; null if it is none. */
export function readDuration(text) {
  const match = typeof text === "string" ? DURATION.exec(text) : null;
  if (!match) return null;
  const units = ["weeks", "days", "hours", "minutes", "seconds"];
  const parts = units
    .map((unit, index) => ({ unit, number: Number(match[index + 1] ?? 0) }))
    .filter((part) => part.number);
  if (parts.length === 1) return parts[0];
  const seconds = parts.reduce((sum, part) => sum + part.number * SECONDS[part.unit], 0);
  const unit = units.slice(1).find((name) => seconds % SECONDS[name] === 0);
  return seconds ? { unit, number: seconds / SECONDS[unit] } : null;
}

/** Write a number of one unit as an ISO 8601 duration. */
export function writeDuration(number, unit) {
  const letter = LETTERS[unit];
  return unit === "weeks" || unit === "days" ? `P${number}${letter}` : `PT${number}${letter}`;
}

/** Read what `writeDuration` made of anything that was typed, valid or not. */
export function typedDuration(text) {
  const found = readDuration(text);
  if (found) return found;
  const [, time, number, letter] = /^P(T?)(.*)([WDHMS])$/s.exec(text) ?? ["", "", "", "D"];
  const unit = Object.keys(LETTERS).find((name) => LETTERS[name] === letter);
  return { number, unit: letter === "M" && !time ? "minutes" : unit };
}
