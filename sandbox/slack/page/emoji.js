// Emoji that look the same everywhere: the states a bot shows are drawn here, all others are left to the reader's font.

const disc = (fill, edge) => `<circle cx="10" cy="10" r="7.6" fill="${fill}" stroke="${edge}" stroke-width="1"/>`;
const badge = (fill, path) => `<rect x="2" y="2" width="16" height="16" rx="4" fill="${fill}"/><path d="${path}" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>`;
const line = (path, colour = "#5a6b7d") => `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>`;

const drawn = {
  "🟡": disc("#f5c518", "#c99a00"), "🔵": disc("#3b88fd", "#1d5fc4"), "🟢": disc("#2eb67d", "#1c8a5c"), "🔴": disc("#e5484d", "#b1262b"),
  "🟠": disc("#f08a24", "#bf6710"), "⚪": disc("#f4f5f7", "#9aa3ad"), "⚫": disc("#2b2d31", "#111"),
  "✅": badge("#2eb67d", "M6 10.4l2.8 2.8L14.2 7.2"), "❌": line("M4.5 4.5l11 11M15.5 4.5l-11 11", "#e01e37").replace("1.8", "3.2"),
  "⚠": `<path d="M10 2.4 18.6 17H1.4z" fill="#f7c948" stroke="#b88a00" stroke-linejoin="round"/><path d="M10 7.4v4.8M10 14.6v.4" stroke="#3d2f00" stroke-width="1.8" stroke-linecap="round"/>`,
  "⏳": line("M5.5 2.8h9M5.5 17.2h9M6.5 2.8c0 4 7 5.4 7 7.200s-7 3.2-7 7.200M13.5 2.800c0 4-7 5.4-7 7.200s7 3.2 7 7.2", "#8a6d3b"),
  "⛔": `<circle cx="10" cy="10" r="8" fill="#e01e37"/><path d="M5.5 10h9" stroke="#fff" stroke-width="3"/>`,
  "🚫": `<circle cx="10" cy="10" r="7" fill="none" stroke="#e01e37" stroke-width="2.4"/><path d="M5.2 5.200l9.6 9.6" stroke="#e01e37" stroke-width="2.4"/>`,
  "🔒": `<rect x="4" y="9" width="12" height="8.5" rx="2" fill="currentColor"/><path d="M6.5 9V6.500a3.5 3.5 0 0 1 7 0V9" fill="none" stroke="currentColor" stroke-width="2"/>`,
  "❄": line("M10 2v16M3 6l14 8M17 6 3 14M8 3.5 10 5.5 12 3.500M8 16.500l2-2 2 2", "#3b9ae1"),
  "🔁": line("M4 8.500A6.5 6.5 0 0 1 15 6l1.5 1.500M16.5 3.500v4h-4M16 11.500A6.5 6.5 0 0 1 5 14l-1.5-1.500M3.5 16.500v-4h4", "#1264a3"),
  "↩": line("M8 4 3.5 8.5 8 13M3.5 8.500H12a4.5 4.5 0 0 1 0 9H9", "#1264a3"),
  "👀": `<ellipse cx="6" cy="10" rx="4" ry="5.5" fill="#fff" stroke="#777"/><ellipse cx="14" cy="10" rx="4" ry="5.5" fill="#fff" stroke="#777"/><circle cx="7" cy="11" r="2" fill="#222"/><circle cx="15" cy="11" r="2" fill="#222"/>`,
  "🔍": line("M12.8 12.8 17 17M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z", "#44546a"),
  "💡": `<path d="M10 2.500a5.3 5.3 0 0 0-3 9.700c.7.5 1 1.3 1 2.300h4c0-1 .3-1.8 1-2.300a5.3 5.3 0 0 0-3-9.700z" fill="#f9d65c" stroke="#b88a00"/><path d="M8 16.500h4" stroke="#777" stroke-width="1.8"/>`,
  "🚨": `<path d="M5 14v-3.500a5 5 0 0 1 10 0V14z" fill="#e01e37"/><rect x="3.5" y="14" width="13" height="3.5" rx="1.2" fill="#44546a"/><path d="M10 1v2M3 3.5 4.5 5M17 3.5 15.5 5" stroke="#e01e37" stroke-width="1.6" stroke-linecap="round"/>`,
  "🚀": `<path d="M10 1.500c3 2.5 4 6 3.5 10h-7C6 7.5 7 4 10 1.500z" fill="#dfe5ec" stroke="#5a6b7d"/><path d="M6.5 9 3.5 13h3zM13.5 9l3 4h-3z" fill="#e5484d"/><circle cx="10" cy="7" r="1.6" fill="#3b88fd"/><path d="M8.5 12h3L10 18z" fill="#f7a325"/>`,
  "💬": line("M3.5 4.500h13v8.500H9l-4 3.500v-3.500H3.500z"), "👁": line("M2 10c2.5-4.5 13.5-4.5 16 0-2.5 4.5-13.5 4.5-16 0zM10 12.200a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.400z", "#77787b"),
  "📄": line("M5 2.500h7L15.5 6v11.500H5zM12 2.500V6h3.500M7.5 10h5.500M7.5 13h5.5"),
};

const pattern = new RegExp(`(${Object.keys(drawn).join("|")})\\uFE0F?`, "u");

/** glyph draws one of the known emoji as an inline image, or gives its text. */
export function glyph(char) {
  const body = drawn[char.replace("\uFE0F", "")];
  if (!body) return document.createTextNode(char);
  const span = document.createElement("span");
  span.className = "emoji";
  span.setAttribute("role", "img");
  span.setAttribute("aria-label", char);
  const svg = new DOMParser().parseFromString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">${body}</svg>`, "image/svg+xml").documentElement;
  svg.setAttribute("aria-hidden", "true");
  span.append(svg);
  return span;
}

/** withGlyphs splits a text into plain pieces and drawn emoji. */
export function withGlyphs(text) {
  const out = document.createDocumentFragment();
  for (const part of text.split(new RegExp(pattern, "gu"))) {
    if (part) out.append(drawn[part] ? glyph(part) : part);
  }
  return out;
}
