import type { Properties } from '../types';

/** Records what another tool states, then tells the page what the server made of it. */
export const record = async (address: string, said: Properties): Promise<void> => {
  const response = await fetch(address, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify(said),
  });
  if (response.ok) {
    const { purposes } = await response.json();
    window.personalization!.consent(purposes);
    document.dispatchEvent(new CustomEvent('personalization:consent', { detail: { purposes } }));
  }
};
