/* Two pictures of the same moment on one another, with a slider between them, or one after the other. */
(() => {
  "use strict";
  const words = document.getElementById("comparison-words");
  const template = document.getElementById("comparison-template");
  if (!words || !template || typeof HTMLDialogElement === "undefined") return;

  // One picture a second: half a flash a second, far below the three at which flashing becomes dangerous.
  const BLINK_MS = 1000;
  const prefersCalm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const filled = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const framesOf = (moment) => Array.from(moment.querySelectorAll(":scope > figure"));
  const pictureOf = (frame) => frame.querySelector("img");
  const timeOf = (frame) => frame.querySelector("figcaption strong").textContent;
  // Width by height as the page says it; a report from elsewhere may say anything.
  const shapeOf = (picture) => {
    const shape = picture.getAttribute("width") / picture.getAttribute("height");
    return shape > 0.1 && shape < 10 ? shape : 16 / 9;
  };
  const isComparable = (moment) => moment.dataset.at && framesOf(moment).slice(0, 2).filter(pictureOf).length === 2;

  let dialog = null;
  let part = {};
  let shown = null;
  let blinking = 0;

  /* --- the dialog, built when it is first wanted --- */

  function build() {
    dialog = template.content.cloneNode(true).firstElementChild;
    document.body.append(dialog);
    const acting = (name) => dialog.querySelector(`[data-act=${name}]`);
    part = {
      times: dialog.querySelector(".comparison-times"),
      stage: dialog.querySelector(".stage"),
      note: dialog.querySelector(".comparison-note"),
      wipe: dialog.querySelector("input[type=range]"),
      blink: acting("blink"),
      laid: acting("laid"),
      previous: acting("previous"),
      next: acting("next"),
    };
    part.wipe.addEventListener("input", () => { stopBlinking(); showWipe(); });
    part.blink.addEventListener("click", blink);
    part.laid.addEventListener("change", place);
    part.previous.addEventListener("click", () => step(-1));
    part.next.addEventListener("click", () => step(1));
    acting("close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { stopBlinking(); shown.opener.focus(); });
    prefersCalm.addEventListener("change", stopBlinking);
    part.stage.addEventListener("pointerdown", drag);
    part.stage.addEventListener("click", keepShown);
    part.stage.addEventListener("pointermove", (event) => { if (event.buttons & 1) drag(event); });
  }

  function open(moment) {
    if (!dialog) build();
    const moments = Array.from(moment.closest(".moments").querySelectorAll(".moment")).filter(isComparable);
    moments.sort((one, other) => one.dataset.at - other.dataset.at);
    shown = { moments, index: moments.indexOf(moment), opener: moment.querySelector("button.compare") };
    part.laid.checked = true;
    part.wipe.value = 50;
    show();
    shown.opener.focus();
    dialog.showModal();
    part.wipe.focus();
  }

  function step(by) {
    shown.index = Math.min(Math.max(shown.index + by, 0), shown.moments.length - 1);
    shown.opener = shown.moments[shown.index].querySelector("button.compare");
    show();
  }

  /* --- what it shows --- */

  function show() {
    stopBlinking();
    const moment = shown.moments[shown.index];
    const [query, reference] = framesOf(moment);
    const other = moment.closest(".moments").dataset.other;
    const values = { here: timeOf(query), there: timeOf(reference), other };
    part.times.textContent = filled(part.times.dataset.pattern, values);
    shown.shape = shapeOf(pictureOf(query));
    part.stage.style.setProperty("--shape", shown.shape);
    part.stage.replaceChildren(
      layer("reference", reference, other), layer("release", query, part.stage.dataset.release), line(),
    );
    // A button that goes away takes the focus along; its neighbour stays.
    const ends = [[part.previous, 0, part.next], [part.next, shown.moments.length - 1, part.previous]];
    for (const [button, end, neighbour] of ends) {
      const hasFocus = document.activeElement === button;
      button.disabled = shown.index === end;
      if (button.disabled && hasFocus) (neighbour.disabled ? part.wipe : neighbour).focus();
    }
    part.previous.parentElement.hidden = shown.moments.length < 2;
    place();
    showWipe();
  }

  function layer(kind, frame, name) {
    const made = document.createElement("figure");
    const box = document.createElement("div");
    const caption = document.createElement("figcaption");
    const picture = pictureOf(frame);
    box.append((picture.closest(".veil") ?? picture).cloneNode(true));
    caption.textContent = name;
    made.className = `layer ${kind}`;
    made.append(box, caption);
    return made;
  }

  function line() {
    const made = document.createElement("div");
    made.className = "line";
    return made;
  }

  /* Lay the reference's picture where the transform puts it in the release's, or show both as they are. */
  function place() {
    const card = shown.moments[shown.index].closest(".moments");
    const laid = (card.dataset.laid ?? "").split(" ").map(Number);
    const canLay = laid.length === 6 && laid.every(Number.isFinite);
    const isLaid = canLay && part.laid.checked;
    const [a, b, c, d, e, f] = laid;
    const shape = shown.shape;
    part.laid.closest("label").hidden = !canLay;
    part.stage.classList.toggle("is-laid", isLaid);
    part.stage.classList.toggle("is-inverted", isLaid && "inverted" in card.dataset);
    part.stage.querySelector(".reference img").style.transform = isLaid
      ? `translate(${100 * c}%, ${100 * f}%) matrix(${a}, ${d / shape}, ${b * shape}, ${e}, 0, 0)` : "";
    const said = isLaid ? [part.note.dataset.laid] : [part.note.dataset.apart];
    if (isLaid && "inverted" in card.dataset) said.push(part.note.dataset.inverted);
    part.note.textContent = said.join(" ");
  }

  function showWipe() {
    const percent = Number(part.wipe.value);
    part.stage.style.setProperty("--wipe", `${percent}%`);
    part.wipe.setAttribute("aria-valuetext", filled(part.wipe.dataset.value, { percent }));
  }

  function drag(event) {
    const veil = event.target.closest(".veil");
    if (veil && !veil.querySelector("input").checked) return; // this click is to show the picture
    event.preventDefault();
    const box = part.stage.getBoundingClientRect();
    part.wipe.value = Math.round(100 * (event.clientX - box.left) / box.width);
    stopBlinking();
    showWipe();
  }

  /* A click that ends a drag must not veil a picture again that is shown; its box does. */
  function keepShown(event) {
    const box = event.target.closest(".veil")?.querySelector("input");
    if (box?.checked && event.target !== box) event.preventDefault();
  }

  /* --- one after the other --- */

  function swap() {
    part.stage.classList.toggle("shows-reference");
  }

  function blink() {
    const isOn = part.blink.getAttribute("aria-pressed") === "true";
    if (isOn) {
      stopBlinking();
      return;
    }
    part.blink.setAttribute("aria-pressed", "true");
    part.stage.classList.add("blinks", "shows-reference");
    // Whoever wants little motion swaps the pictures by hand, as often as wanted.
    if (!prefersCalm.matches) blinking = window.setInterval(swap, BLINK_MS);
  }

  function stopBlinking() {
    window.clearInterval(blinking);
    part.blink.setAttribute("aria-pressed", "false");
    part.blink.textContent = prefersCalm.matches ? part.blink.dataset.swap : part.blink.dataset.blink;
    part.stage.classList.remove("blinks", "shows-reference");
  }

  /* --- what opens it --- */

  for (const moment of document.querySelectorAll(".moment")) {
    if (!isComparable(moment)) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "compare";
    button.textContent = words.dataset.open;
    button.setAttribute("aria-label", filled(words.dataset.label, { time: timeOf(framesOf(moment)[0]) }));
    moment.append(button);
    moment.classList.add("can-compare");
  }

  document.addEventListener("click", (event) => {
    const moment = event.target.closest(".moment.can-compare");
    // A picture behind a veil answers to a click by showing itself.
    if (moment && event.target.closest("button.compare, .moment img") && !event.target.closest(".veil")) open(moment);
  });
})();
