/** The page's `dataLayer`: what was pushed before, and what will be. */
export const layer = (): unknown[] => (window.dataLayer ||= []);

/** Calls `hear` with every entry, without changing what `push` does for anybody else. */
export const hearLayer = (hear: (entry: any) => void): void => {
  const entries = layer();
  const before = entries.slice();
  const { push } = entries;
  entries.push = function (...added) {
    const length = push.apply(this, added);
    added.forEach(hear);
    return length;
  };
  before.forEach(hear);
};
