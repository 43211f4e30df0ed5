// Text as Slack shows it: mrkdwn, mentions, dates in the reader's zone, emoji. It builds nodes and never HTML from text.

import { withGlyphs } from "./emoji.js";

const emoji = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", red_circle: "🔴", large_red_circle: "🔴", large_orange_circle: "🟠", large_yellow_circle: "🟡",
  large_green_circle: "🟢", large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫", hourglass: "⌛", hourglass_flowing_sand: "⏳", rocket: "🚀", eyes: "👀",
  no_entry: "⛔", no_entry_sign: "🚫", rotating_light: "🚨", fire: "🔥", tada: "🎉", bulb: "💡", mag: "🔍", lock: "🔒", key: "🔑", arrow_right: "➡️",
  arrow_left: "⬅️", arrow_up: "⬆️", arrow_down: "⬇️", leftwards_arrow_with_hook: "↩️", "+1": "👍", "-1": "👎", thumbsup: "👍", thumbsdown: "👎", wave: "👋",
  information_source: "ℹ️", question: "❓", exclamation: "❗", clock1: "🕐", stopwatch: "⏱️", wrench: "🔧", gear: "⚙️", package: "📦", memo: "📝", link: "🔗",
  snowflake: "❄️", zzz: "💤", skull: "💀", heart: "❤️", point_right: "👉", robot_face: "🤖", bell: "🔔", calendar: "📅", chart_with_upwards_trend: "📈",
};

/** el makes an element with attributes and children. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c !== undefined && c !== null && c !== false));
  return node;
}

const decode = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const named = (text) => text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emoji[name] ?? whole);
const withEmoji = (text) => withGlyphs(named(text));

/** plainText is a plain_text object's text. */
export const plainText = (object) => (object?.emoji === false ? object?.text ?? "" : named(object?.text ?? ""));

export const emojiOf = (name) => withGlyphs(emoji[name] ?? `:${name}:`);

/** mrkdwn turns Slack's markup into nodes. ctx knows people, groups, channels and the reader. */
export function mrkdwn(text, ctx) {
  const out = document.createDocumentFragment();
  (text ?? "").split("```").forEach((part, i, all) => {
    if (i % 2 === 1 && i < all.length - 1) out.append(el("pre", {}, ...tokens(part.replace(/^\n/, ""), ctx)));
    else out.append(lines((i % 2 === 1 ? "```" : "") + part, ctx));
  });
  return out;
}

function lines(text, ctx) {
  const out = document.createDocumentFragment();
  let quote = null;
  text.split("\n").forEach((line, i, all) => {
    if (line.startsWith("&gt;")) {
      if (!quote) out.append((quote = el("blockquote")));
      else quote.append(el("br"));
      quote.append(inline(line.replace(/^&gt; ?/, ""), ctx));
      return;
    }
    if (i > 0 && !quote) out.append(el("br"));
    quote = null;
    if (line !== "" || i < all.length - 1) out.append(inline(line, ctx));
  });
  return out;
}

const marks = /<([^<>]+)>|`([^`\n]+)`|(?<![\w*])\*([^*\n]+)\*(?![\w*])|(?<![\w_])_([^_\n]+)_(?![\w_])|(?<![\w~])~([^~\n]+)~(?![\w~])/g;

function inline(text, ctx) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const m of text.matchAll(marks)) {
    out.append(withEmoji(decode(text.slice(at, m.index))));
    at = m.index + m[0].length;
    if (m[1] !== undefined) out.append(token(m[1], ctx));
    else if (m[2] !== undefined) out.append(el("code", { class: m[2].length < 40 && "short" }, ...tokens(m[2], ctx)));
    else if (m[3] !== undefined) out.append(el("strong", {}, inline(m[3], ctx)));
    else if (m[4] !== undefined) out.append(el("em", {}, inline(m[4], ctx)));
    else out.append(el("s", {}, inline(m[5], ctx)));
  }
  out.append(withEmoji(decode(text.slice(at))));
  return out;
}

/** tokens resolves <…> only, as inside code, where mentions stay alive. */
function tokens(text, ctx) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(/<([^<>]+)>/g)) {
    out.push(decode(text.slice(at, m.index)), token(m[1], ctx));
    at = m.index + m[0].length;
  }
  out.push(decode(text.slice(at)));
  return out;
}

function token(body, ctx) {
  const bar = body.indexOf("|");
  const head = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : decode(body.slice(bar + 1));
  if (head.startsWith("@")) return person(head.slice(1), ctx);
  if (head.startsWith("#")) return channel(head.slice(1), ctx, label);
  if (head.startsWith("!subteam^")) return group(head.slice(9), ctx, label);
  if (head.startsWith("!date^")) return dateToken(head.slice(6), label, ctx);
  if (head.startsWith("!")) return el("span", { class: "mention broad" }, "@" + head.slice(1));
  if (/^(https?|mailto|tel):/.test(head)) return link(decode(head), label);
  return document.createTextNode(decode(`<${body}>`));
}

export const link = (url, label) => el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label || url.replace(/^mailto:/, ""));

export function person(id, ctx) {
  const who = ctx.people.get(id);
  const mine = id === ctx.me.id;
  return el("span", { class: "mention" + (mine ? " mine" : ""), title: who?.realName }, "@" + (who ? who.realName || who.name : id));
}

export function group(id, ctx, label = "") {
  const g = ctx.groups.get(id);
  return el("span", { class: "mention" + (g?.users?.includes(ctx.me.id) ? " mine" : ""), title: g?.name }, "@" + (g?.handle ?? label.replace(/^@/, "") ?? id));
}

export function channel(id, ctx, label = "") {
  const c = ctx.conversations.get(id);
  return el("a", { class: "mention", href: "#" + id }, "#" + (c?.name || label || "private channel"));
}

function dateToken(body, fallback, ctx) {
  const [seconds, format, url] = body.split("^");
  const shown = dateText(Number(seconds), format, ctx.me.zone) ?? fallback;
  return el("time", { title: fallback }, url ? link(url, shown) : shown);
}

/** dateText fills a date format's {…} for the reader's time zone. */
export function dateText(seconds, format, zone) {
  const at = new Date(seconds * 1000);
  if (!format || Number.isNaN(at.getTime())) return undefined;
  const show = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(at);
  const long = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  const date = { day: "numeric", month: "long", year: "numeric" };
  const short = { day: "numeric", month: "short", year: "numeric" };
  const pretty = (options) => near(at, zone) ?? show(options);
  const parts = {
    date_num: () => new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(at), date: () => show(date), date_long: () => show(long), date_short: () => show(short),
    date_pretty: () => pretty(date), date_long_pretty: () => pretty(long), date_short_pretty: () => pretty(short), day_divider_pretty: () => pretty(long),
    time: () => show({ hour: "2-digit", minute: "2-digit" }), time_secs: () => show({ hour: "2-digit", minute: "2-digit", second: "2-digit" }), ago: () => ago(at),
  };
  return format.replace(/\{(\w+)\}/g, (whole, name) => parts[name]?.() ?? whole);
}

function near(at, zone) {
  const day = (d) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(d);
  const shift = (n) => day(new Date(Date.now() + n * 86400e3));
  return { [shift(0)]: "today", [shift(-1)]: "yesterday", [shift(1)]: "tomorrow" }[day(at)];
}

export function ago(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return words.format(seconds, "second");
}
