import type { Core, Run } from '../types';

/** A pointer that only passes by is no interest. */
const INTENT = 300;

/** Reports that the pointer rests on an element with `data-personalization-hover`. */
export const hover = ({ on, collected, read, safely }: Core): Run => () => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over: HTMLElement | null = null;
  const enter = (element: HTMLElement | null): void => {
    if (element === over) return;
    over = element;
    clearTimeout(timer);
    if (element)
      timer = setTimeout(
        safely(() =>
          collected('hover', 'Element Hovered', {
            name: element.dataset.personalizationHover,
            ...read(element),
          }),
        ),
        INTENT,
      );
  };
  // A finger hovers over nothing, whatever browsers make of it for old pages.
  on('pointerover', ({ target, pointerType }) =>
    enter(pointerType === 'touch' ? null : target.closest('[data-personalization-hover]')),
  );
  on('pointerout', ({ relatedTarget }) => relatedTarget || enter(null));
};
