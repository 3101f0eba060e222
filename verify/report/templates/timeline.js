"use strict";

/* The timeline, made wider, walked along and read. Everything that it says stands on the page without it as well. */
(() => {
  const figure = document.querySelector("figure.timeline");
  if (!figure) return;

  const SVG = "http://www.w3.org/2000/svg";
  const STEPS_S = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400,
  ];
  const MOST_WIDE_PX = 600000;
  const LEAST_SHOWN_S = 1;
  const LABEL_PX = 90;
  const THUMB_PX = { height: 51, least: 40, gap: 3 };
  const MOST_NAMED = 3;
  const ROW_PX = 22;

  const duration = Number(figure.dataset.duration);
  const starts = figure.dataset.starts.split(" ").filter(Boolean).map(Number);
  const part = (selector) => figure.querySelector(selector);
  const scroll = part(".scroll");
  const wide = part(".wide");
  const svg = part(".wide > svg");
  const axis = part(".axis");
  const thumbs = part(".thumbs");
  const readout = part(".readout");
  const shown = part(".shown");
  const top = Number(axis.dataset.top);
  const rows = Math.max(1, top / ROW_PX);
  const filled = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  const placed = (element, box) => {
    const start = parseFloat(box.getAttribute("x")) / 100 * duration;
    const end = start + parseFloat(box.getAttribute("width")) / 100 * duration;
    return { element, box, start, end, label: element.querySelector("title").textContent };
  };
  const spans = Array.from(figure.querySelectorAll(".span"), (box) => placed(box, box));
  const markers = Array.from(figure.querySelectorAll(".markers a"), (link) => placed(link, link.querySelector("rect")));
  const labels = markers.map((marker) => marker.element.querySelector("text"));
  const pictures = Array.from(document.querySelectorAll("#shots li[data-shot]"), (item) => ({
    number: Number(item.dataset.shot),
    image: item.querySelector("img"),
  })).filter((shot) => shot.image && starts[shot.number - 1] !== undefined);

  let scale = 1;
  let focused = spans[0];
  let waiting = 0;
  let saying = 0;

  function clock(seconds, decimals) {
    const unit = 10 ** decimals;
    const all = Math.round(seconds * unit);
    const minutes = Math.floor(all / (60 * unit));
    const rest = ((all % (60 * unit)) / unit).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
    const two = (number) => String(number).padStart(2, "0");
    return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
  }

  function lastBefore(values, limit) {
    let low = 0;
    let high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] <= limit) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /* --- how wide, and which part of it --- */

  const most = () => Math.max(1, Math.min(duration / LEAST_SHOWN_S, MOST_WIDE_PX / scroll.clientWidth));
  const width = () => scroll.clientWidth * scale;
  const shownRange = () => [0, 1].map((end) => (scroll.scrollLeft + end * scroll.clientWidth) / width() * duration);

  function zoom(wanted, time, at = 0.5) {
    scale = Math.max(1, Math.min(wanted, most()));
    wide.style.width = scale === 1 ? "" : `${100 * scale}%`;
    scroll.scrollLeft = time / duration * width() - at * scroll.clientWidth;
    draw();
  }

  /* Zoom about the middle, or about what has the focus if it can be seen, so that it stays in sight. */
  function zoomBy(factor) {
    const [from, to] = shownRange();
    const isSeen = scroll.contains(document.activeElement) && focused.end > from && focused.start < to;
    if (!isSeen) {
      zoom(scale * factor, (from + to) / 2);
      return;
    }
    const time = (Math.max(focused.start, from) + Math.min(focused.end, to)) / 2;
    const half = Math.min((focused.end - focused.start) / 2 / (to - from) * factor, 0.5);
    zoom(scale * factor, time, Math.max(half, Math.min((time - from) / (to - from), 1 - half)));
  }

  const fit = () => zoom(1, 0);

  function say() {
    const [from, to] = shownRange();
    const times = scale < 10 ? scale.toFixed(1).replace(/\.0$/, "") : Math.round(scale);
    const words = scale === 1 ? figure.dataset.whole : figure.dataset.shown;
    const text = filled(words, { start: clock(from, 0), end: clock(Math.min(to, duration), 0), times });
    if (shown.textContent !== text) shown.textContent = text;
    part("[data-zoom=in]").setAttribute("aria-disabled", scale >= most());
    for (const name of ["out", "fit"]) part(`[data-zoom=${name}]`).setAttribute("aria-disabled", scale === 1);
  }

  /* --- what depends on it --- */

  function draw() {
    drawTicks();
    drawMarkers();
    drawThumbs();
    drawFocus();
    say();
  }

  function drawLater() {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; drawTicks(); drawThumbs(); });
    clearTimeout(saying);
    saying = setTimeout(say, 250); // a screen reader says what is shown, so not before it stands still
  }

  function made(name, attributes, text = "") {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  }

  /* Ticks for the part that is shown and a screen on either side of it. */
  function drawTicks() {
    const pxPerS = width() / duration;
    const step = STEPS_S.find((seconds) => seconds * pxPerS >= LABEL_PX) ?? duration;
    const decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    const [from, to] = shownRange();
    const first = Math.max(0, Math.floor((2 * from - to) / step));
    const last = Math.min(duration / step, (2 * to - from) / step);
    const drawn = [];
    for (let index = first * 5; index <= last * 5 + 1e-9; index += 1) {
      const percent = index * step / 5 / duration * 100;
      const isNamed = index % 5 === 0;
      const x = `${percent.toFixed(5)}%`;
      drawn.push(made("line", {
        x1: x, x2: x, y1: top + 49, y2: top + (isNamed ? 56 : 53), class: isNamed ? "" : "minor",
      }));
      if (!isNamed) continue;
      const at = percent / 100 * width();
      const anchor = at < 30 ? "start" : at > width() - 30 ? "end" : "middle";
      drawn.push(made("text", { x, y: top + 68, "text-anchor": anchor }, clock(index * step / 5, decimals)));
    }
    axis.replaceChildren(...drawn);
  }

  /* Each marker gets the lowest row in which neither its bar nor its number meets another's; the last row takes the rest. */
  function drawMarkers() {
    const ends = [];
    markers.forEach((marker, index) => {
      const text = labels[index];
      const needed = 8 * text.textContent.length + 4;
      const start = marker.start / duration * width();
      const isAtEnd = start + needed > width();
      const left = isAtEnd ? width() - needed : start;
      const free = ends.findIndex((end) => end <= left);
      const row = Math.min(free < 0 ? ends.length : free, rows - 1);
      const hasRoom = left >= (ends[row] ?? 0);
      const y = top - ROW_PX * (row + 1);
      marker.box.setAttribute("y", y + 14);
      text.setAttribute("y", y + 11);
      text.setAttribute("visibility", hasRoom ? "visible" : "hidden");
      text.setAttribute("x", isAtEnd ? "100%" : marker.box.getAttribute("x"));
      text.setAttribute("text-anchor", isAtEnd ? "end" : "start");
      if (hasRoom) ends[row] = Math.max(left + needed, marker.end / duration * width());
    });
    svg.style.marginTop = `${Math.min(0, ends.length - rows) * ROW_PX}px`; // rows that are not needed go
  }

  /* A picture at the beginning of each shot: first where a shot is wide enough for one, then where others leave room. */
  function drawThumbs() {
    if (!pictures.length) return;
    const [from, to] = shownRange();
    const px = (time) => time / duration * width();
    const wanted = pictures.map(({ number, image }) => {
      const start = starts[number - 1];
      const whole = THUMB_PX.height * image.getAttribute("width") / image.getAttribute("height");
      return { number, image, start, whole, room: px(starts[number] ?? duration) - px(start) - THUMB_PX.gap };
    });
    const drawn = [];
    let free = 0;
    wanted.forEach((one, index) => {
      const left = px(one.start);
      if (left < free) return;
      if (one.room < THUMB_PX.least) {
        const next = wanted.slice(index + 1).find((other) => other.room >= THUMB_PX.least);
        one.room = (next ? px(next.start) : width()) - left - THUMB_PX.gap;
      }
      if (one.room < THUMB_PX.least) return;
      const widthPx = Math.min(one.whole, one.room);
      free = left + widthPx + THUMB_PX.gap;
      if (one.start > 2 * to - from || one.start < 2 * from - to) return;
      drawn.push(thumb(one.number, one.image, one.start, widthPx));
    });
    thumbs.hidden = false;
    thumbs.replaceChildren(...drawn);
  }

  function thumb(number, image, start, widthPx) {
    const link = document.createElement("a");
    const copy = document.createElement("img");
    link.href = `#shot-${number}`;
    link.tabIndex = -1;
    link.style.left = `${start / duration * 100}%`;
    link.style.width = `${widthPx / width() * 100}%`; // narrower on paper, as the gaps are
    copy.src = image.src;
    copy.alt = "";
    link.append(copy);
    return link;
  }

  /* --- reading --- */

  const cursor = made("line", { class: "cursor", y1: 0, y2: top + 56, visibility: "hidden" });
  const ring = made("g", { class: "focus-ring", visibility: "hidden" });
  ring.append(made("rect", { class: "casing" }), made("rect", {}));
  svg.append(cursor, ring);

  function shotAt(time) {
    const index = lastBefore(starts, time);
    if (index < 0) return "";
    const end = starts[index + 1] ?? duration;
    return filled(figure.dataset.shot, { number: index + 1, start: clock(starts[index], 2), end: clock(end, 2) });
  }

  function read(time, first = []) {
    const span = spans[Math.max(0, lastBefore(spanStarts, time))];
    const named = markers.filter((marker) => marker.start <= time && time < marker.end && !first.includes(marker.label));
    const lines = [...first, ...named.map((marker) => marker.label)];
    const more = lines.length - MOST_NAMED;
    if (more > 0) lines.splice(MOST_NAMED, more, filled(figure.dataset.more, { count: more }));
    const strong = document.createElement("strong");
    strong.textContent = clock(time, 2);
    readout.replaceChildren(strong, ` · ${[span.label, shotAt(time), ...lines].filter(Boolean).join(" · ")}`);
  }
  const spanStarts = spans.map((span) => span.start);

  function readAt(event) {
    const box = svg.getBoundingClientRect();
    const time = Math.max(0, Math.min((event.clientX - box.left) / box.width, 1)) * duration;
    const x = `${time / duration * 100}%`;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    read(Math.min(time, duration - 1e-6));
    return time;
  }

  /* --- walking --- */

  const laneOf = (item) => (markers.includes(item) ? markers : spans);

  /* One stop for the tab key; from there the arrows lead on. */
  function makeStop(item) {
    focused.element.setAttribute("tabindex", "-1");
    focused = item;
    item.element.setAttribute("tabindex", "0");
    if (laneOf(item) === spans) {
      item.element.setAttribute("role", "img");
      item.element.setAttribute("aria-label", item.label);
    }
  }

  function goTo(item) {
    if (!item) return;
    makeStop(item);
    const [from, to] = shownRange();
    if (item.start < from || item.end > to) {
      const at = item.end - item.start > to - from ? item.start : (item.start + item.end) / 2;
      scroll.scrollLeft = at / duration * width() - scroll.clientWidth / (at === item.start ? 8 : 2);
    }
    item.element.focus({ preventScroll: true });
  }

  function drawFocus() {
    const hasFocus = document.activeElement === focused.element;
    ring.setAttribute("visibility", hasFocus ? "visible" : "hidden");
    if (!hasFocus) return;
    const isSpan = laneOf(focused) === spans;
    const y = Number(focused.box.getAttribute("y"));
    const box = { y: isSpan ? y : y - 15, height: isSpan ? 36 : 22 };
    const least = (isSpan ? 3 : 18) / width() * 100;
    const share = Math.max((focused.end - focused.start) / duration * 100, least);
    const left = Math.min(focused.start / duration * 100, 100 - share);
    for (const rect of ring.children) {
      for (const [name, value] of Object.entries({ ...box, x: `${left}%`, width: `${share}%` })) rect.setAttribute(name, value);
    }
  }

  function across() {
    const other = laneOf(focused) === spans ? markers : spans;
    const middle = (focused.start + focused.end) / 2;
    const overlapping = other.find((item) => item.start < focused.end && item.end > focused.start);
    const far = (item) => Math.abs((item.start + item.end) / 2 - middle);
    return overlapping ?? other.reduce((best, item) => (best && far(best) <= far(item) ? best : item), null);
  }

  function follow() {
    const found = markers.find((marker) => marker.start < focused.end && marker.end > focused.start);
    if (found) location.hash = found.element.getAttribute("href");
  }

  const keys = {
    ArrowRight: () => goTo(laneOf(focused)[laneOf(focused).indexOf(focused) + 1]),
    ArrowLeft: () => goTo(laneOf(focused)[laneOf(focused).indexOf(focused) - 1]),
    ArrowUp: () => goTo(laneOf(focused) === spans ? across() : null),
    ArrowDown: () => goTo(laneOf(focused) === spans ? null : across()),
    Home: () => goTo(laneOf(focused)[0]),
    End: () => goTo(laneOf(focused).at(-1)),
    "+": () => zoomBy(2),
    "=": () => zoomBy(2),
    "-": () => zoomBy(0.5),
    "0": fit,
  };

  scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOnSpan = laneOf(focused) === spans;
    if (event.key === "Enter" && isOnSpan) follow();
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  scroll.addEventListener("focusin", (event) => {
    const item = [...spans, ...markers].find(({ element }) => element === event.target);
    if (!item) return;
    if (item !== focused) makeStop(item);
    const isMarker = laneOf(item) === markers;
    read(item.start, isMarker ? [item.label] : []);
    drawFocus();
  });
  scroll.addEventListener("focusout", () => ring.setAttribute("visibility", "hidden"));
  scroll.addEventListener("pointermove", readAt);
  scroll.addEventListener("pointerleave", () => cursor.setAttribute("visibility", "hidden"));
  scroll.addEventListener("pointerdown", (event) => {
    const item = spans.find(({ element }) => element === event.target);
    if (item) makeStop(item);
  });
  scroll.addEventListener("dblclick", (event) => {
    const box = scroll.getBoundingClientRect();
    zoom(scale * 4, readAt(event), (event.clientX - box.left) / box.width);
  });
  scroll.addEventListener("scroll", drawLater, { passive: true });
  figure.addEventListener("click", (event) => {
    const act = { in: () => zoomBy(2), out: () => zoomBy(0.5), fit }[event.target.dataset.zoom];
    if (act) act();
  });
  window.addEventListener("resize", () => zoom(scale, shownRange()[0], 0));
  window.addEventListener("beforeprint", fit);

  for (const marker of markers) marker.element.setAttribute("tabindex", "-1");
  makeStop(spans[0]);
  part(".tools").hidden = false;
  readout.hidden = false;
  draw();
})();
