// Time that passes when it is told to.
export const createClock = (start = Date.parse('2026-01-01T00:00:00Z')) => {
  let now = start;
  let last = 0;
  const timers = new Map();

  const add = (run, delay = 0, every = 0) => {
    timers.set(++last, { run, at: now + delay, every });
    return last;
  };

  const clock = {
    now: () => now,
    waits: () => [...timers.values()].filter(({ every }) => !every).map(({ at }) => at - now),
    set: (value) => {
      now = value;
    },
    pass: (ms) => {
      const end = now + ms;
      for (;;) {
        const [id, next] =
          [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
        if (!next) break;
        now = Math.max(now, next.at);
        if (next.every) next.at += next.every;
        else timers.delete(id);
        next.run();
      }
      now = end;
    },
    Date: class extends Date {
      constructor(...given) {
        if (given.length) super(...given);
        else super(now);
      }
      static now() {
        return now;
      }
    },
    globals: {
      setTimeout: (run, delay) => add(run, delay),
      clearTimeout: (id) => timers.delete(id),
      setInterval: (run, delay) => add(run, delay, delay),
    },
  };
  return clock;
};
