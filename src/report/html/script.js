"use strict";
(() => {
  const PAGE = 50, PRINTED = 1000;
  const data = JSON.parse(document.getElementById("data").textContent);
  const photos = data.photos;
  const by = (id) => document.getElementById(id);
  const list = by("list"), count = by("count"), where = by("where");
  const fields = ["q", "state", "outcome", "album", "model", "reason", "sort"]
    .map((name) => [name, by(name)]).filter(([, field]) => field);

  // Everything below makes elements and sets their text; no text of the archive
  // is ever read as markup.
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const number = (n) => n.toLocaleString("en");
  const web = (address) => /^(https?|file):/i.test(address || "") ? address : null;

  const haystack = (photo) => photo.hay ??= fold([photo.photo, photo.album, photo.title, photo.before,
    photo.after, photo.draft, photo.why, photo.model].filter(Boolean).join("\n"));

  let found = photos, page = 0;

  const wanted = () => {
    const value = Object.fromEntries(fields.map(([name, field]) => [name, field.value]));
    const words = fold(value.q).split(/\s+/).filter(Boolean);
    const result = photos.filter((photo) =>
      (!value.state || photo.state === value.state) &&
      (!value.outcome || photo.outcome === value.outcome) &&
      (!value.album || photo.album === value.album.slice(1)) &&
      (!value.model || photo.model === value.model.slice(1)) &&
      (!value.reason || (photo.reasons || []).includes(value.reason)) &&
      words.every((word) => haystack(photo).includes(word)));
    const low = (photo) => photo.score ?? 2;
    if (value.sort === "score") result.sort((a, b) => low(a) - low(b));
    if (value.sort === "newest") result.sort((a, b) => (b.at || "").localeCompare(a.at || ""));
    if (value.sort === "title") result.sort((a, b) => (a.title || a.photo).localeCompare(b.title || b.photo));
    return result;
  };

  const entry = (pairs, name, text, kind) => {
    pairs.append(make("dt", "", name));
    const value = make("dd", text ? kind || "" : "none", text || "none");
    if (text && kind === "text") { value.lang = data.language; value.dir = "auto"; }
    pairs.append(value);
  };

  const picture = (photo, eager) => {
    const box = make("div", "picture");
    // The texts stand beside it, so the picture itself stays silent.
    const address = web(photo.image);
    const missing = () => box.replaceChildren(make("span", "", "no picture here"));
    if (!address) { missing(); return box; }
    const image = make("img");
    image.alt = "";
    image.loading = eager ? "eager" : "lazy";
    image.decoding = "async";
    image.referrerPolicy = "no-referrer";
    image.addEventListener("error", missing);
    image.src = address;
    box.append(image);
    return box;
  };

  const card = (photo, eager) => {
    const item = make("li"), article = make("article"), body = make("div");
    const heading = make("h3", "", photo.title || photo.photo);
    heading.dir = "auto";
    body.append(heading);
    const meta = make("div", "meta"), badge = make("span", "badge");
    badge.append(make("span", "dot d-" + photo.state), make("span", "", data.states[photo.state]));
    meta.append(badge);
    if (photo.outcome) meta.append(make("span", "", "Run: " + photo.outcome));
    if (photo.album) meta.append(make("span", "", "Album: " + photo.album));
    if (photo.title) meta.append(make("span", "", photo.photo));
    const link = web(photo.link);
    if (link) {
      const open = make("a", "", "Open");
      open.href = link;
      open.rel = "noreferrer noopener";
      open.setAttribute("aria-label", "Open " + (photo.title || photo.photo));
      meta.append(open);
    }
    const pairs = make("dl");
    if (photo.before !== undefined) entry(pairs, "Alt text before", photo.before, "text");
    entry(pairs, photo.before === undefined ? "Alt text" : "Alt text now", photo.after, "text");
    if (photo.draft) entry(pairs, "Draft", photo.draft, "text");
    if (photo.why) entry(pairs, "Why", photo.why);
    if (photo.model) entry(pairs, "Model", photo.model);
    if (photo.score !== undefined) entry(pairs, "Score", photo.score.toFixed(2));
    if (photo.verdict) {
      const decided = photo.decision ? `, ${photo.decision} by a person` : "";
      const reasons = (photo.reasons || []).map((reason) => data.reasons[reason] || reason).join("; ");
      entry(pairs, "Verdict", photo.verdict + (reasons ? ": " + reasons : "") + decided);
    }
    if (photo.at) entry(pairs, photo.run ? "Run and time" : "Last seen",
      (photo.run ? `run ${photo.run}, ` : "") + photo.at.replace("T", " ").replace("Z", " UTC"));
    body.append(meta, pairs);
    article.append(picture(photo, eager), body);
    item.append(article);
    return item;
  };

  const show = (rows, eager) => {
    const all = document.createDocumentFragment();
    for (const photo of rows) all.append(card(photo, eager));
    list.replaceChildren(all);
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    show(found.slice(page * PAGE, (page + 1) * PAGE), false);
    list.start = page * PAGE + 1;
    count.textContent = found.length === photos.length
      ? `${number(photos.length)} photos` : `${number(found.length)} of ${number(photos.length)} photos`;
    where.textContent = `Page ${number(page + 1)} of ${number(pages)}`;
    by("previous").disabled = page === 0;
    by("next").disabled = page >= pages - 1;
  };

  const filter = () => {
    found = wanted();
    page = 0;
    draw();
    const set = fields.filter(([, field]) => field.value)
      .map(([name, field]) => [name, field.value]);
    const hash = new URLSearchParams(set).toString();
    try { history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search); }
    catch { /* Some browsers keep files from changing their address. */ }
  };

  const turn = (step) => {
    page += step;
    draw();
    by("photos-title").focus();
  };

  const pick = (name, value) => {
    for (const [other, field] of fields) if (other !== "sort") field.value = other === name ? value : "";
    filter();
    by("photos-title").focus();
  };

  let later;
  for (const [name, field] of fields) {
    field.addEventListener(name === "q" ? "input" : "change", () => {
      clearTimeout(later);
      later = setTimeout(filter, name === "q" ? 150 : 0);
    });
  }
  by("filters").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  by("filters").addEventListener("reset", () => setTimeout(filter));
  by("previous").addEventListener("click", () => turn(-1));
  by("next").addEventListener("click", () => turn(1));
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-pick]");
    if (chosen) pick(chosen.dataset.pick, chosen.dataset.value);
  });
  addEventListener("beforeprint", () => {
    show(found.slice(0, PRINTED), true);
    if (found.length > PRINTED) {
      count.textContent = `The first ${number(PRINTED)} of ${number(found.length)} photos; filter the list to print others`;
    }
  });
  addEventListener("afterprint", draw);

  const fill = (name, values, label) => {
    const field = by(name);
    if (!field) return;
    for (const value of values) {
      const option = make("option", "", label(value));
      option.value = name === "album" || name === "model" ? "=" + value : value;
      field.append(option);
    }
  };
  const distinct = (get) => [...new Set(photos.flatMap(get).filter((value) => value !== undefined))].sort();
  const tally = (get) => {
    const counts = new Map();
    for (const photo of photos) counts.set(get(photo), (counts.get(get(photo)) || 0) + 1);
    return counts;
  };
  const states = tally((photo) => photo.state), outcomes = tally((photo) => photo.outcome);
  fill("state", Object.keys(data.states).filter((state) => states.has(state)),
    (state) => `${data.states[state]} (${number(states.get(state))})`);
  fill("outcome", distinct((photo) => [photo.outcome]), (it) => `${it} (${number(outcomes.get(it))})`);
  fill("album", distinct((photo) => [photo.album]), (it) => it || "(no album)");
  fill("model", distinct((photo) => [photo.model]), (it) => it);
  fill("reason", distinct((photo) => photo.reasons || []), (it) => data.reasons[it] || it);

  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    const field = fields.find(([other]) => other === name);
    if (field) field[1].value = value;
  }
  by("tools").hidden = false;
  found = wanted();
  draw();
})();
