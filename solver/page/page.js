"use strict";
// The timeline: moves the window of time, puts ticks and numbers over it, and says what is chosen.
// The form of the data is told in solver/page/schedule.py.
(function () {
  const read = (id) => document.getElementById(id);
  const data = JSON.parse(read("schedule").textContent);
  const picture = read("picture"), plot = read("plot"), detail = read("detail");
  const place = data.place, whole = data.units, drawn = plot.viewBox.baseVal.width;
  const SVG = "http://www.w3.org/2000/svg";
  const least = whole / 1e5, digit = 6.2, dense = 3;
  let from = 0, to = whole, row = 0, chosen = -1;

  // Of every row: start and end of its operators.
  for (const one of data.rows) {
    one.start = [];
    one.end = [];
    let now = 0;
    one.gap.forEach((gap, i) => {
      one.start.push(now += gap);
      one.end.push(now += one.run[i]);
    });
  }

  const x = (moment) => place.left + place.width * (moment - from) / (to - from);
  const seconds = (units) => units / whole * data.step_s;

  function say(value, unit) {
    const number = value / unit[1];
    return (Math.abs(number) >= 1000 ? number.toFixed(0) : String(+number.toPrecision(4))) + " " + unit[0];
  }

  function make(parent, tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const name in attributes) made.setAttribute(name, attributes[name]);
    if (text !== undefined) made.textContent = text;
    parent.appendChild(made);
  }

  // Multiples of 1, 2 or 5 times a power of ten, at most ten of them.
  function step() {
    const rough = seconds(to - from) / data.time[1] / 10;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * (1 - 1e-9));
  }

  function ticks() {
    const group = read("ticks"), by = step(), bottom = place.top + place.height;
    const unit = by * data.time[1] / data.step_s * whole;
    group.replaceChildren();
    if (!(unit > 0)) return;
    for (let n = Math.ceil(from / unit - 1e-9); n * unit <= to * (1 + 1e-12); n += 1) {
      const at = x(n * unit), number = String(+(n * by).toPrecision(10));
      make(group, "path", { class: "grid", d: `M${at} ${place.top}V${bottom}` });
      for (const y of [place.top - 8, bottom + 14])
        make(group, "text", { class: "small middle", x: at, y: y }, number);
    }
    make(group, "text", { class: "small faint end", x: place.left - 8, y: place.top - 8 }, "time, " + data.time[0]);
  }

  // First operator of a row that ends after a moment.
  function after(one, moment) {
    let low = 0, high = one.end.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (one.end[middle] > moment) high = middle; else low = middle + 1;
    }
    return low;
  }

  function numbers() {
    const group = read("numbers");
    group.replaceChildren();
    data.rows.forEach((one, at) => {
      const y = place.top + place.pitch * at + place.lane / 2 + 3.5;
      for (let i = after(one, from); i < one.start.length && one.start[i] < to; i += 1) {
        const left = Math.max(x(one.start[i]), place.left);
        const right = Math.min(x(one.end[i]), place.left + place.width);
        const text = String(one.m[i]);
        if (right - left >= digit * text.length + 2)
          make(group, "text", { class: "number", x: (left + right) / 2, y: y }, text);
      }
    });
  }

  function held(one, moment) {
    let bytes = 0;
    for (const [start, size] of one.held) {
      if (start > moment) break;
      bytes = size;
    }
    return one.constant + bytes;
  }

  function words(one, i) {
    const chunk = one.c ? `, chunk ${one.c[i]}` : "";
    const start = say(seconds(one.start[i]), data.time), end = say(seconds(one.end[i]), data.time);
    const long = say(seconds(one.run[i]), data.time);
    const memory = say(held(one, one.start[i]), data.memory);
    return `stage ${one.stage}: ${data.names[one.phase[i]]} of micro-batch ${one.m[i]}${chunk}, ` +
      `${start} to ${end} (${long}), ${memory} in use as it starts`;
  }

  function mark() {
    const mark = read("choice"), one = data.rows[row];
    const left = chosen < 0 ? 0 : Math.max(x(one.start[chosen]), place.left);
    const right = chosen < 0 ? 0 : Math.min(x(one.end[chosen]), place.left + place.width);
    const box = { x: left, y: place.top + place.pitch * row, width: Math.max(0, right - left), height: place.lane };
    for (const name in box) mark.setAttribute(name, box[name]);
    mark.setAttribute("visibility", chosen >= 0 && right >= left ? "visible" : "hidden");
  }

  function show() {
    const scale = drawn / whole;
    plot.setAttribute("viewBox", `${from * scale} 0 ${(to - from) * scale} ${place.height}`);
    plot.setAttribute("class", place.width * data.typical / (to - from) < dense ? "dense" : "");
    ticks();
    numbers();
    mark();
  }

  function look(start, span) {
    span = Math.min(whole, Math.max(least, span));
    from = Math.min(whole - span, Math.max(0, start));
    to = from + span;
    show();
  }

  // `factor` below 1 shows less; `moment` stays where it is.
  function zoom(factor, moment) {
    const at = moment === undefined ? (from + to) / 2 : moment;
    const span = Math.min(whole, Math.max(least, (to - from) * factor));
    look(at - (at - from) * span / (to - from), span);
  }

  const move = (share) => look(from + share * (to - from), to - from);

  function choose(at, i) {
    const one = data.rows[at];
    row = at;
    chosen = i < 0 || one.start.length === 0 ? -1 : Math.min(i, one.start.length - 1);
    detail.textContent = chosen < 0 ? `stage ${one.stage}` : words(one, chosen);
    if (chosen >= 0 && (one.end[chosen] <= from || one.start[chosen] >= to))
      look((one.start[chosen] + one.end[chosen] - (to - from)) / 2, to - from);
    else mark();
  }

  function none() {
    chosen = -1;
    detail.textContent = "";
    mark();
  }

  // A stage up or down: the operator at the same time.
  function stage(by) {
    const next = Math.min(data.rows.length - 1, Math.max(0, row + by));
    const moment = chosen < 0 ? from : data.rows[row].start[chosen];
    choose(next, after(data.rows[next], moment));
  }

  const deeds = {
    in: () => zoom(0.5), out: () => zoom(2), all: () => look(0, whole),
    left: () => move(-0.2), right: () => move(0.2),
    up: () => stage(-1), down: () => stage(1),
    next: () => choose(row, chosen + 1), previous: () => choose(row, Math.max(0, chosen - 1)),
    none: none,
  };
  const keys = {
    "+": "in", "=": "in", "-": "out", "0": "all", "Home": "all", "ArrowLeft": "left",
    "ArrowRight": "right", "ArrowUp": "up", "ArrowDown": "down", "n": "next", "p": "previous",
    "Escape": "none",
  };

  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    deeds[keys[event.key]]();
  });
  for (const button of document.querySelectorAll("[data-do]"))
    button.addEventListener("click", () => deeds[button.dataset.do]());

  // Where a pointer is: pixels of the drawing, whatever its size on the page.
  function spot(event) {
    const frame = picture.getBoundingClientRect(), box = picture.viewBox.baseVal;
    return [(event.clientX - frame.left) * box.width / frame.width,
      (event.clientY - frame.top) * box.height / frame.height];
  }

  const moment = (left) => from + (left - place.left) / place.width * (to - from);

  let grip = null;
  picture.addEventListener("pointerdown", (event) => {
    if (event.button === 0) grip = { at: spot(event)[0], from: from, moved: false };
  });
  picture.addEventListener("pointermove", (event) => {
    if (grip === null) return;
    const by = spot(event)[0] - grip.at;
    if (!grip.moved && Math.abs(by) > 4) {
      grip.moved = true;
      picture.setPointerCapture(event.pointerId);
    }
    if (grip.moved) look(grip.from - by / place.width * (to - from), to - from);
  });
  picture.addEventListener("pointercancel", () => { grip = null; });
  picture.addEventListener("pointerup", (event) => {
    const moved = grip === null || grip.moved;
    grip = null;
    if (moved) return;
    const [left, top] = spot(event), at = Math.floor((top - place.top) / place.pitch);
    if (at < 0 || at >= data.rows.length || left < place.left || left > place.left + place.width) return;
    const one = data.rows[at], i = after(one, moment(left));
    if (i < one.start.length && one.start[i] <= moment(left)) choose(at, i);
    else choose(at, -1);
  });
  picture.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, moment(spot(event)[0]));
  }, { passive: false });

  // On paper the whole step, and everything open.
  window.addEventListener("beforeprint", () => {
    look(0, whole);
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
  show();
})();
