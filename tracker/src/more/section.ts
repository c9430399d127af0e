import type { Core, Run } from '../types';

/** Less than that is passing by. */
const SHORTEST = 1_000;
/** New elements are looked for together. */
const SETTLE = 200;
const MARKED = '[data-personalization-section]';

/** Reports how long each part of a page with `data-personalization-section` was in view. */
export const section = ({ on, collected, leaving, read, safely }: Core): Run => () => {
  const seen = new Map<HTMLElement, number>();
  // What lies open behind another tab is not looked at.
  let paused = document.hidden;

  const tell = (element: HTMLElement): void => {
    if (paused) return;
    const stay = Date.now() - seen.get(element)!;
    if (stay >= SHORTEST)
      collected('section', 'Section Viewed', {
        name: element.dataset.personalizationSection,
        seconds: Math.round(stay / 1000),
        ...read(element),
      });
  };

  const observer = new IntersectionObserver(
    safely((entries: IntersectionObserverEntry[]) => {
      for (const { target, intersectionRatio, intersectionRect, isIntersecting } of entries) {
        const element = target as HTMLElement;
        // Half of it, or half of the screen full of it: some parts are taller than screens.
        const inView =
          isIntersecting &&
          (intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2);
        if (inView && !seen.has(element)) seen.set(element, Date.now());
        else if (!inView && seen.has(element)) {
          tell(element);
          seen.delete(element);
        }
      }
    }),
    { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] },
  );

  let timer: ReturnType<typeof setTimeout> | undefined;
  const scan = safely((): void => {
    timer = undefined;
    for (const element of document.querySelectorAll(MARKED)) observer.observe(element);
  });
  scan();
  new MutationObserver(() => {
    timer ??= setTimeout(scan, SETTLE);
  }).observe(document, { childList: true, subtree: true });

  const restart = (): void => {
    seen.forEach((_, element) => seen.set(element, Date.now()));
    paused = document.hidden;
  };
  leaving.push((gone) => {
    if (!gone && !document.hidden) return;
    seen.forEach((_, element) => tell(element));
    restart();
  });
  on('visibilitychange pageshow', () => document.hidden || restart());
};
