import type { Core, Run } from '../types';

/** Reports playback under the names of Segment's video spec. */
export const video = ({ on, collected, read }: Core): Run => () => {
  const sessions = new WeakMap<HTMLMediaElement, string>();
  on('play pause ended', ({ type, target }) => {
    // What plays for ever is decoration. A pause at the very end is no pause.
    if (target.loop || (type === 'pause' && target.ended)) return;
    const known = sessions.get(target);
    const session = known ?? Math.random().toString(36).slice(2);
    sessions.set(target, session);
    const what =
      type === 'ended' ? 'Completed' : type === 'pause' ? 'Paused' : known ? 'Resumed' : 'Started';
    if (type === 'ended') sessions.delete(target);
    collected('video', `Video Playback ${what}`, {
      session_id: session,
      position: Math.round(target.currentTime),
      total_length: Math.round(target.duration) || undefined,
      video_player: 'html5',
      ...read(target),
    });
  });
};
