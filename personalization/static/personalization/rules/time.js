// Instants and lengths of time in microseconds, and the site's calendar.

const SECOND = 1_000_000;
const UNITS = [604_800, 86_400, 3_600, 60, 1].map((seconds) => seconds * SECOND);
const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;
const INSTANT = /^(.*?)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?$/;

export const QUARTER_HOUR = 900 * SECOND;
export const EIGHT_DAYS = 8 * 86_400 * SECOND;

/** Return the microseconds of an ISO 8601 duration such as PT90M or P30D. */
export function duration(text) {
  const parts = DURATION.exec(text)?.slice(1);
  if (!parts) throw new Error(`“${text}” is no length of time, such as PT90M or P30D.`);
  return parts.reduce((sum, part, index) => sum + Number(part ?? 0) * UNITS[index], 0);
}

/** Return the microseconds since 1970 of an ISO 8601 instant; without a zone it is in UTC. */
export function instant(text) {
  const [, whole, fraction = "", zone = "Z"] = INSTANT.exec(text);
  const milliseconds = Date.parse((whole.includes("T") ? whole : `${whole}T00:00`) + zone);
  if (Number.isNaN(milliseconds)) throw new Error(`“${text}” is no date and time.`);
  return milliseconds * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

const clocks = new Map();

/** Return day (text), weekday ("monday") and hour (0 to 23) of an instant in a time zone. */
export function calendar(at, timeZone) {
  if (!clocks.has(timeZone)) clocks.set(timeZone, clockOf(timeZone));
  const parts = clocks.get(timeZone).formatToParts(Math.floor(at / 1000));
  const { year, month, day, weekday, hour } = Object.fromEntries(
    parts.map(({ type, value }) => [type, value]),
  );
  return { day: `${year}-${month}-${day}`, weekday: weekday.toLowerCase(), hour: Number(hour) };
}

function clockOf(timeZone) {
  const numbers = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric" };
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    hourCycle: "h23",
    weekday: "long",
    ...numbers,
  });
}
