/** Somebody who has not moved for so long is taken to be away. */
const ATTENTION = 5_000;

/**
 * Counts engaged time: each sign of life makes the next five seconds count, and overlapping
 * stretches count once.
 */
export const createEngagedClock = () => {
  let countedTo = 0;
  let until = 0;
  let engaged = 0;

  /** @param {number} now */
  const settle = (now) => {
    engaged += Math.max(0, Math.min(now, until) - countedTo);
    countedTo = now;
  };

  return {
    /**
     * @param {number} now Epoch milliseconds.
     * @param {boolean} attentive A sign of life; false ends the stretch at once.
     */
    beat: (now, attentive) => {
      settle(now);
      until = attentive ? now + ATTENTION : 0;
    },

    /**
     * @param {number} now
     * @returns {number} Whole seconds since the last call; a fraction is kept for the next.
     */
    take: (now) => {
      settle(now);
      const seconds = Math.floor(engaged / 1000);
      engaged -= seconds * 1000;
      return seconds;
    },

    /** Forgets everything. */
    reset: () => {
      until = engaged = 0;
    },
  };
};
