// What makes pages livelier; all of them work without it.
//   <section id="x" data-live="5">    fetched again every 5 seconds, as long as nobody is busy in it
//   <form data-search="x">            fetched as one types; the element with that id is replaced
//   <form data-confirm="…">           asks before it is sent
"use strict";
(() => {
  const PAUSE = 250;
  const banner = () => document.getElementById("stopped");
  const fetchPage = async (url, signal) => {
    const answer = await fetch(url, { headers: { "X-Live": "1" }, signal, redirect: "manual", credentials: "same-origin" });
    if (answer.type === "opaqueredirect") { location.reload(); return null; }
    if (!answer.ok) throw new Error(answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  const STOPS = "a[href], button, input, select, textarea, summary";
  const name = (one) => [one.tagName, one.getAttribute("href") || one.name || one.textContent, one.form && one.form.getAttribute("action")].join(" ");
  const called = (part, wanted) => [...part.querySelectorAll(STOPS)].filter((one) => name(one) === wanted);
  const swap = (page, id) => {
    const fresh = page.getElementById(id), old = document.getElementById(id);
    if (!fresh || !old || fresh.isEqualNode(old)) return;
    const open = [...old.querySelectorAll("details[open][id]")].map((one) => one.id);
    // Who goes by the keyboard stays where he is.
    const here = document.activeElement, held = here && old.contains(here) ? name(here) : null;
    const nth = held === null ? -1 : called(old, held).indexOf(here);
    old.replaceWith(document.adoptNode(fresh));
    for (const one of open) { const part = document.getElementById(one); if (part) part.open = true; }
    const again = nth < 0 ? null : called(fresh, held)[nth];
    if (again) again.focus({ preventScroll: true });
  };
  const busy = (part) => {
    const here = document.activeElement;
    const writing = here && part.contains(here) && /^(INPUT|TEXTAREA|SELECT)$/.test(here.tagName);
    return writing || part.querySelector("details.action[open], input:checked[data-pick]") !== null;
  };
  const live = async () => {
    const parts = [...document.querySelectorAll("[data-live]")];
    if (!parts.length) return;
    const wait = Math.min(...parts.map((part) => Number(part.dataset.live) || 5)) * 1000;
    if (document.visibilityState === "visible") {
      try {
        const page = await fetchPage(location.href);
        if (page) for (const part of parts) {
          const now = document.getElementById(part.id);
          if (now && !busy(now)) swap(page, part.id);
        }
        if (banner()) banner().hidden = true;
      } catch { if (banner()) banner().hidden = false; }
    }
    setTimeout(live, wait);
  };
  let timer, running;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-search]");
    if (!form) return;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (running) running.abort();
      running = new AbortController();
      const url = new URL(form.action, location.href);
      url.search = new URLSearchParams(new FormData(form)).toString();
      try {
        const page = await fetchPage(url, running.signal);
        if (page) { swap(page, form.dataset.search); if (form.dataset.keep !== "no") history.replaceState(null, "", url); }
      } catch { /* the button still works */ }
    }, PAUSE);
  });
  document.addEventListener("submit", (event) => {
    const asked = event.target.dataset.confirm;
    if (asked && !window.confirm(asked)) { event.preventDefault(); return; }
    const button = event.submitter;
    if (event.target.method === "post" && button) setTimeout(() => { button.disabled = true; }, 0);
  });
  window.addEventListener("pageshow", () => { for (const one of document.querySelectorAll("button[disabled]")) one.disabled = false; });
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-pick-all]");
    if (all) for (const one of document.querySelectorAll(`input[data-pick="${all.dataset.pickAll}"]`)) one.checked = all.checked;
  });
  document.documentElement.classList.add("js");
  setTimeout(live, 4000);
})();
