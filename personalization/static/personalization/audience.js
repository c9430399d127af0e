// Counts the view of a page without knowing by whom: no cookie, no storage, nothing that is read
// of the device. Who has answered, whose browser objects or who only prerenders is not counted.

(() => {
  "use strict";
  const { endpoint, consentCookie, signals } = document.currentScript.dataset;

  function mayCount() {
    const objects = navigator.globalPrivacyControl || navigator.doNotTrack === "1";
    if (objects && signals !== "ignore") return false;
    const cookies = document.cookie.split("; ");
    return !cookies.some((cookie) => cookie.startsWith(`${consentCookie}=`));
  }

  function referrer() {
    try {
      return new URL(document.referrer).host;
    } catch {
      return ""; // there is none
    }
  }

  function count() {
    if (!mayCount()) return;
    const view = { path: location.pathname, referrer: referrer() };
    if (navigator.webdriver) view.automated = true;
    navigator.sendBeacon(endpoint, JSON.stringify(view));
  }

  if (document.prerendering) {
    document.addEventListener("prerenderingchange", count, { once: true });
  } else {
    count();
  }
  // A page that the browser kept and shows again is looked at again.
  addEventListener("pageshow", (event) => event.persisted && count());
})();
