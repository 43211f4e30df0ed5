// The page's state, what it fetches and where it draws. Everything one person sees comes from /sandbox/state.

import { closeThread, drawChannel, drawThread } from "./messages.js";
import { drawComposer } from "./composer.js";
import { drawViews } from "./dialogs.js";
import { drawSidebar } from "./sidebar.js";

export const app = { state: null, me: null, channel: null, thread: null, seen: JSON.parse(sessionStorage.getItem("seen") ?? "{}") };

const here = new URLSearchParams(location.search);
app.me = here.get("as") ?? sessionStorage.getItem("as") ?? localStorage.getItem("as");

/** post sends an action as the person acted as; it throws with the server's sentence. */
export async function post(path, body) {
  const r = await fetch("/sandbox/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = await r.json();
  if (!answer.ok) throw new Error(answer.error);
  return answer.result;
}

/** actAs switches to another person. */
export function actAs(id) {
  app.me = id;
  sessionStorage.setItem("as", id);
  localStorage.setItem("as", id);
  if (here.has("as")) {
    here.set("as", id);
    history.replaceState(null, "", "?" + here + location.hash);
  }
  return refresh();
}

/** go opens a conversation and perhaps a thread; the address says which. */
export function go(channel, thread) {
  const hash = "#" + channel + (thread ? "/" + thread : "");
  if (location.hash === hash) return refresh();
  location.hash = hash;
  return undefined;
}

function readAddress() {
  const [channel, thread] = location.hash.slice(1).split("/");
  if (channel === "composer") return;
  app.channel = channel || app.channel;
  app.thread = thread || null;
}

let fetching = false;
let again = false;

/** refresh fetches what this person sees now and draws it; calls that overlap become one. */
export async function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  try {
    do {
      again = false;
      await load();
    } while (again);
  } finally {
    fetching = false;
  }
}

async function load() {
  const query = new URLSearchParams({ as: app.me ?? "", channel: app.channel ?? "" });
  const answer = await (await fetch("/sandbox/state?" + query)).json();
  if (!answer.ok) {
    const first = answer.result.people.find((p) => !p.bot && !p.deactivated);
    app.me = answer.result.people.find((p) => p.id === "U0LUIS")?.id ?? first.id;
    again = true;
    return;
  }
  const state = answer.result;
  if (!state.conversations.some((c) => c.id === app.channel)) {
    app.channel = state.conversations[0]?.id;
    app.thread = null;
    history.replaceState(null, "", location.search + "#" + app.channel);
    again = true;
    return;
  }
  draw(state);
}

function draw(state) {
  app.state = state;
  app.context = {
    me: state.me, bot: state.bot, people: new Map(state.people.map((p) => [p.id, p])), groups: new Map(state.groups.map((g) => [g.id, g])),
    conversations: new Map(state.conversations.map((c) => [c.id, c])),
  };
  const open = app.context.conversations.get(app.channel);
  const reply = (state.messages ?? []).find((m) => m.ts === app.thread);
  if (reply?.threadTS) { // the address of a message inside a thread opens that thread
    app.thread = reply.threadTS;
    history.replaceState(null, "", location.search + "#" + app.channel + "/" + app.thread);
  }
  see(app.channel, open.latest);
  document.title = `${titleOf(open)} – ${state.me.realName || state.me.name} – sandbox`;
  drawSidebar(app);
  drawChannel(app, open);
  drawThread(app, open);
  drawComposer(app, open);
  drawViews(app);
  document.body.dataset.ready = state.me.id;
}

export function titleOf(c) {
  const other = app.context.people.get(c.with);
  return c.kind === "im" ? other?.realName || other?.name || "direct message" : c.name;
}

/** see remembers the newest thing this person has seen of a conversation or thread; seenOf tells it. */
export function see(key, ts) {
  if (!ts || seenOf(key) >= ts) return;
  (app.seen[app.me] ??= {})[key] = ts;
  sessionStorage.setItem("seen", JSON.stringify(app.seen));
}
export const seenOf = (key) => app.seen[app.me]?.[key] ?? "";

window.addEventListener("hashchange", () => {
  readAddress();
  refresh();
});
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && app.thread && !document.querySelector("dialog[open], [role=listbox]")) closeThread(app);
});
document.getElementById("skip").addEventListener("click", (e) => {
  e.preventDefault();
  document.querySelector("#channel-composer textarea")?.focus();
});

readAddress();
new EventSource("/sandbox/stream").onmessage = refresh;
