// Frames of the node: as server-sent events, or, where there is no room for one more viewer, by asking now and then.

const spread = (ms) => ms * (0.75 + Math.random() / 2); // so that many who ask do not ask in step
const pollsBeforeStream = 10; // there may be room again
const silentAfter = 6000; // without a frame something is wrong, whatever the browser thinks
const againAfter = [1000, 2000, 4000, 8000];

/** connect calls took(frame) for each frame, and told(state, text) when the connection changes: live, polling or broken. */
export function connect(took, told) {
  let source, timer, failures = 0, polls = 0, last = "", heard = 0, closed = false;

  const take = (id, text) => {
    heard = Date.now();
    failures = 0;
    took(JSON.parse(text));
    last = id;
  };

  const open = () => {
    source = new EventSource("/live");
    source.onmessage = (e) => {
      try {
        take(e.lastEventId, e.data);
        told("live", "Live");
      } catch (error) {
        told("broken", error.message);
      }
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) poll(); // refused, as when there is no room
      else told("broken", "The connection broke; trying again");
    };
  };

  const poll = async () => {
    source?.close();
    source = null;
    if (closed) return;
    try {
      const response = await fetch(`/live/frame?after=${encodeURIComponent(last)}`, { cache: "no-store" });
      if (!response.ok) throw new Error((await response.json().catch(() => ({}))).message ?? `the node answers ${response.status}`);
      const { id, again_ms: again, frames } = await response.json(); // the more ask, the longer each waits
      for (const frame of frames) take(id, JSON.stringify(frame));
      last = id;
      heard = Date.now();
      told("polling", `Every ${Math.round(again / 1000)} s`);
      timer = setTimeout(++polls % pollsBeforeStream ? poll : open, spread(again));
    } catch (error) {
      const wait = againAfter[Math.min(failures++, againAfter.length - 1)];
      told("broken", `${error.message}; trying again`);
      timer = setTimeout(() => (failures % 4 ? poll() : open()), spread(wait));
    }
  };

  // A page that nobody sees gives its place to somebody else.
  const seen = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => { source?.close(); source = null; told("broken", "Asleep while hidden"); }, 30_000);
    else if (!source) open();
  };
  // Of the few connections that a browser makes to a host, a page that is left gives its own back at once: the
  // next page needs it, and one that is kept for the way back would hold it.
  const leave = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const back = (e) => { if (e.persisted && !source) open(); };
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", back);
  const watch = setInterval(() => {
    if (source && heard && Date.now() - heard > silentAfter) {
      told("broken", "Nothing was heard for some seconds; trying again");
      source.close();
      heard = Date.now();
      open();
    }
  }, 1000);
  open();
  return () => {
    closed = true;
    clearInterval(watch);
    document.removeEventListener("visibilitychange", seen);
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", back);
    leave();
  };
}
