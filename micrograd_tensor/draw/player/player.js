(() => {
  'use strict';
  const MATHML = 'http://www.w3.org/1998/Math/MathML';
  const BEAT = 1800; // milliseconds of a step at the usual speed
  const STRONG = { light: { positive: 2, negative: 0.872 }, dark: { positive: 0.608, negative: 0.778 } };
  // From this share of a colour on, its number is read better in white on a light page, in black on a dark one.
  const SMALLEST = 0.15, LARGEST = 4; // of its size, what the circuit can be scaled to
  const still = matchMedia('(prefers-reduced-motion: reduce)');

  // ------------------------------------------------------------------------------------------------------- elements

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const shape = (tag, name) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    if (name) element.setAttribute('class', name);
    return element;
  };
  const math = ([tag, ...inner]) => {
    const element = document.createElementNS(MATHML, tag);
    if (tag === 'math') element.setAttribute('display', 'block');
    element.append(...inner.map(part => Array.isArray(part) ? math(part) : part));
    return element;
  };

  // -------------------------------------------------------------------------------------------------------- numbers

  // An element is a number, a truth value, a string for what JSON cannot hold, or a pair for a complex number.
  const size = v => Array.isArray(v) ? Math.hypot(...v.map(size)) : Math.abs(typeof v === 'string' ? Number(v.replace('inf', 'Infinity')) : v);
  const signs = text => text.replaceAll('-', '−').replace('Infinity', '∞').replace('inf', '∞').replace('nan', 'NaN');
  const plain = v => Object.is(v, -0) ? '-0' : v === true ? 'True' : v === false ? 'False' : String(v);
  const exact = v => Array.isArray(v) ? `${exact(v[0])}${plain(v[1]).startsWith('-') ? '' : '+'}${exact(v[1])}j` : signs(plain(v));
  const power = (v, digits) => v.toExponential(digits).replace('e+', 'e');
  const short = (v, whole) => {
    if (Array.isArray(v)) return `${short(v[0])}${plain(v[1]).startsWith('-') ? '' : '+'}${short(v[1])}j`;
    if (typeof v === 'boolean') return plain(v);
    const n = typeof v === 'number' ? v : Number(v), a = Math.abs(n);
    if (v === 'nan' || !Number.isFinite(n)) return exact(v);
    if (n === 0) return '0';
    if (whole) return signs(a < 1e6 ? String(n) : power(n, 1));
    return signs(a < 0.005 ? power(n, 1).replace('.0e', 'e') : a >= 1e5 ? power(n, 1) : n.toFixed(2));
  };

  const PYTHON = { nan: 'np.nan', inf: 'np.inf', '-inf': '-np.inf' };
  const python = (v, long) => {
    if (Array.isArray(v)) return v.every(x => typeof x === 'number') ? `${python(v[0])}${plain(v[1]).startsWith('-') ? '' : '+'}${python(v[1])}j` : `complex(${python(v[0])}, ${python(v[1])})`;
    if (PYTHON[v]) return PYTHON[v];
    if (Object.is(v, -0)) return '-0.0';
    return typeof v === 'string' && long ? `"${v}"` : plain(v);
  };
  const nested = (cells, shape, long) => {
    if (!shape.length) return python(cells[0], long);
    const step = cells.length / shape[0];
    return `[${Array.from({ length: shape[0] }, (_, i) => nested(cells.slice(i * step, (i + 1) * step), shape.slice(1), long)).join(', ')}]`;
  };
  const numpy = array => {
    const dtype = `dtype="${array.dtype}"`;
    if (array.shape.includes(0)) return `np.zeros((${array.shape.join(', ')}${array.shape.length === 1 ? ',' : ''}), ${dtype})`;
    const shape = array.whole ? array.shape : [array.rows, array.columns];
    const long = /^float(96|128)$/.test(array.dtype);
    return `np.array(${nested(array.whole ? array.matrices.flat() : array.matrices[0], shape, long)}, ${dtype})`;
  };
  const tuple = shape => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  // Where in an array a row, a column or a slice of these is; of more than two axes those of length 1 are not shown.
  const place = (array, matrix, row, column) => {
    const index = array.shape.map(() => 0), axes = [...array.shape.keys()].filter(k => array.shape.length < 3 || array.shape[k] !== 1);
    if (axes.length) index[axes.pop()] = column;
    if (axes.length) index[axes.pop()] = row;
    for (const axis of axes.reverse()) { index[axis] = matrix % array.shape[axis]; matrix = Math.floor(matrix / array.shape[axis]); }
    return index;
  };

  const sides = array => [1, 1, ...(array.shape.length > 2 ? array.shape.filter(n => n !== 1) : array.shape)].slice(-2);
  const placed = (array, matrix, i, j) => { const [rows, columns] = sides(array); return (matrix * rows + i) * columns + j; };
  const whereabouts = (array, k) => { const [rows, columns] = sides(array); return [Math.floor(k / (rows * columns)), Math.floor(k / columns) % rows, k % columns]; };
  const nudge = array => 10 ** Math.floor(Math.log10(array.largest || 1)) / 10; // what an arrow key adds
  // An array with other numbers in it.
  const refill = (array, numbers, short) => {
    const json = v => array.dtype === 'bool' ? !!v : v !== v ? 'nan' : v === Infinity ? 'inf' : v === -Infinity ? '-inf' : v;
    const finite = numbers.filter(Number.isFinite), count = what => numbers.filter(what).length;
    array.matrices = array.matrices.map((cells, m) => cells.map((_, e) => json(numbers[placed(array, m, Math.floor(e / array.columns), e % array.columns)])));
    array.largest = finite.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const notes = array.whole || array.dtype === 'bool' || !finite.length ? [] : [['min', Math.min(...finite)], ['mean', finite.reduce((a, b) => a + b) / finite.length], ['max', Math.max(...finite)]].map(([name, v]) => `${name} ${short(v)}`);
    for (const [n, name] of [[count(v => v !== v), 'NaN'], [count(v => Math.abs(v) === Infinity), 'infinite']]) if (n) notes.push(`${n} ${name}`);
    if (array.whole || finite.length) array.note = notes.join(' · ');
  };

  const copy = async (text, beside) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = make('textarea');
      area.value = text;
      area.readOnly = true;
      beside.append(area);
      area.select();
      const done = document.execCommand('copy');
      if (done) area.remove();
      return done;
    }
  };

  const copier = (name, text, beside) => {
    const button = make('button', 'copy', name);
    button.type = 'button';
    button.onclick = async () => { button.textContent = await copy(text(), beside) ? 'copied' : 'select and copy it here:'; };
    return button;
  };

  // --------------------------------------------------------------------------------------------------------- player

  const start = root => {
    root.dataset.started = '';
    const find = selector => root.querySelector(selector);
    const { values, steps, program } = JSON.parse(find('script.data').textContent);
    const machine = program?.nodes && live(program);
    const prefix = `${root.id}-`, svg = find('.stage svg'), stage = find('.stage'), slider = find('.slider');
    const readout = find('.readout[role]'), button = name => find(`[data-do=${name}]`);
    let ids = new Map();
    const index = () => { ids = new Map([...svg.querySelectorAll('[id]')].map(e => [e.id.slice(prefix.length), e])); };
    const element = id => ids.get(id);
    const alone = () => document.querySelectorAll('.mt-player').length === 1;
    let now = 0, timer = 0;

    const lanes = new Map(), spots = new Map(); // by id, at which step it is reached
    steps.forEach((step, k) => {
      for (const id of step.lanes || []) if (!lanes.has(id)) lanes.set(id, k);
      for (const id of step.items || []) if (!spots.has(id)) spots.set(id, k);
    });
    const light = (ids, name) => [...ids.keys()].map(id => [id, element(id)]).filter(([, e]) => e).map(([id, e]) => (e.classList.add(name), [id, e]));
    let laneElements = [], spotElements = [];
    // Steps of what is in a closed box are left out, and those of an open box itself.
    const insides = new Map([...root.querySelectorAll('template[data-box]')].map(inside => [inside.dataset.box, inside]));
    const folds = new Map([...root.querySelectorAll('template[data-fold]')].map(other => [other.dataset.fold, { other, ...JSON.parse(other.dataset.folds) }]));
    const opened = new Map(); // by box, what is in it
    const folded = new Map(); // what a picture showed before its frames were boxes
    const markOf = step => [step.mark, ...(step.also ?? [])].find(id => id && element(id)) ?? '';
    const isSeen = step => !opened.has(step.box) && (!step.mark || !!markOf(step));
    let visible = [];
    const track = () => {
      index();
      laneElements = light(lanes, 'lane');
      spotElements = light(spots, 'spot');
      visible = [...steps.keys()].filter(k => isSeen(steps[k]));
      slider.max = visible.length - 1;
    };

    // ------------------------------------------------------------------------------------------------------ arrays

    // ----------------------------------------------------------------------------------------------------- changes

    const say = v => {
      const [digits, exponent] = Number.isFinite(v) ? v.toPrecision(6).split('e') : [plain(v)];
      return signs((digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits) + (exponent ? `e${exponent.replace('+', '')}` : ''));
    };
    // A number as a person writes it, or NaN.
    const typed = text => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
    const tidy = text => text.trim().replaceAll('−', '-');
    const changes = (() => {
      const badge = find('.badge');
      const nothing = { array: panel => values[panel.value], may: () => false, set: () => {}, explained: () => '', buttons: () => [], constants: () => [], undo: () => {} };
      for (const control of root.querySelectorAll('.changes > :not(.badge)')) control.hidden = !machine;
      if (!machine) { badge.textContent = program?.why ?? ''; return nothing; }
      const { nodes } = machine, dropped = new Map(), swapped = new Map(), fresh = () => machine.given.map(v => v && [...v]);
      const recorded = machine.run(machine.given), first = machine.loss(recorded, machine.given);
      let leaves = fresh(), made = recorded, changed = false, turn = 0;
      const apart = (a, b) => a.reduce((most, x, k) => { const y = b[k], d = Object.is(x, y) || (x !== x && y !== y) || x === y ? 0 : Math.abs(x - y) / Math.max(1, Math.abs(y)); return d > most || d !== d ? d : most; }, 0);
      // Each array at its place in the program, with the numbers that it has now, filled in once it is looked at.
      const arrays = new Map();
      const array = ({ value, place: at }) => {
        const found = arrays.get(at) ?? arrays.set(at, { ...values[value], turn: 0 }).get(at);
        if (found.turn !== turn) refill(found, made[at], short);
        found.turn = turn;
        return found;
      };
      const json = v => typeof v === 'string' ? Number(v.replace('inf', 'Infinity')) : Number(v);
      const panels = steps.flatMap(step => [step.left, step.right, step.kept].flatMap(side => side?.panels ?? []));
      // How far it is from the values that NumPy recorded, as far as the page has them.
      const off = panels.reduce((most, { value, place: at }) => {
        const { matrices, columns } = values[value], here = (m, e) => recorded[at][placed(values[value], m, Math.floor(e / columns), e % columns)];
        return Math.max(most, ...matrices.map((cells, m) => apart(cells.map((_, e) => here(m, e)), cells.map(json))));
      }, 0);
      const tell = () => {
        const lines = [];
        if (!changed && !dropped.size && !swapped.size) lines.push(off <= 1e-12 ? 'computed again here, as by NumPy' : `computed again here; it differs from NumPy by up to ${power(off, 0)} of a value, which is its rounding`);
        const now = program.upstreams.length ? `L = ${say(machine.loss(made, leaves))}, before ${say(first)}; ` : '';
        if (changed) lines.push(`changed: ${now}the picture still shows what was recorded`);
        if (dropped.size) {
          const right = machine.run(leaves), wrong = program.wanted.map(k => [k, apart(made[k], right[k])]).filter(([, d]) => d > 1e-9 || d !== d);
          const names = wrong.map(([k, d]) => `${program.names[program.wanted.indexOf(k)]} (by up to ${say(d)})`);
          lines.push(`taken for 0: ${[...dropped.values()].join(', ')}; ${names.length ? `wrong then: ${names.join(', ')}` : 'no gradient of an input changes'}`);
        }
        if (swapped.size) { // the rules are those of what was recorded: the measurement tells which of them are wrong now
          const wrong = program.wanted.filter((k, i) => {
            const leaf = program.leaves[i], some = [...made[leaf].keys()].filter(e => e % Math.ceil(made[leaf].length / 8) === 0);
            return some.some(e => { const slope = machine.slope(leaves, leaf, e, made[leaf][e]); return !(Math.abs(slope - made[k][e]) <= 1e-4 * Math.max(1, Math.abs(slope))); });
          }).map(k => program.names[program.wanted.indexOf(k)]);
          lines.push(`computed otherwise than its rule expects: ${[...swapped.values()].join(', ')}; ${wrong.length ? `wrong then: ${wrong.join(', ')}` : 'no gradient of an input is wrong'}`);
        }
        badge.textContent = lines.join(' · ');
      };
      const update = () => {
        made = machine.run(leaves, new Set(dropped.keys()));
        turn++;
        paint();
        tell();
      };
      const may = node => node >= 0 && !nodes[node][0] && /^float/.test(nodes[node][4]);
      // What the numbers were before each change; those of one hand in a row are one change.
      const past = [];
      let hand = null;
      const put = (made, by = null) => {
        if (!by || by !== hand) past.push([leaves, changed]);
        hand = by;
        leaves = leaves.map((v, node) => made.get(node) ?? v);
        changed = true;
        update();
      };
      const undo = () => {
        hand = null;
        if (!past.length) return;
        [leaves, changed] = past.pop();
        update();
        readout.textContent = 'the last change is taken back';
      };
      const set = (node, places, by) => put(new Map([[node, leaves[node].map((v, k) => places.get(k) ?? v)]]), by);
      const every = (node, f) => put(new Map([[node, f(leaves[node])]]));
      const push = (name, text, action) => {
        const b = make('button', '', text);
        b.type = 'button';
        b.setAttribute('aria-label', name);
        b.onclick = () => action(b);
        return b;
      };
      const shuffled = xs => { const ys = [...xs]; for (let k = ys.length - 1; k > 0; k--) { const i = Math.floor(Math.random() * (k + 1)); [ys[k], ys[i]] = [ys[i], ys[k]]; } return ys; };
      const buttons = (panel, node) => {
        if (may(node)) return [push(`Zero ${panel.name}`, 'zero', () => every(node, xs => xs.map(() => 0))), push(`Shuffle ${panel.name}`, 'shuffle', () => every(node, shuffled))];
        if (panel.kind !== 'gradient' || node < 0) return [];
        const name = `${panel.name}${panel.mark ? ` ${panel.mark}` : ''}`;
        const drop = push(`Take ${name} for 0`, 'take for 0', b => {
          if (!dropped.delete(node)) dropped.set(node, name);
          b.setAttribute('aria-pressed', String(dropped.has(node)));
          update();
        });
        drop.setAttribute('aria-pressed', String(dropped.has(node)));
        return [drop];
      };
      // A gradient beside what the loss does when the element is nudged; a sum beside its terms.
      const explained = (panel, at) => {
        const node = panel.place, { of } = panel, [op, operands, more] = nodes[node];
        if (of >= 0) return `; nudged, ΔL/Δ = ${say(machine.slope(leaves, of, at, made[of][at]))}`;
        const terms = /^(sum|mean)$/.test(op) || op === 'einsum' ? machine.sources(node, at) : [];
        const n = op === 'einsum' ? more.length - 1 : 1;
        if (!terms.length || terms.length > 8 * n || operands.some(Array.isArray)) return '';
        const written = [];
        for (let t = 0; t < terms.length; t += n) written.push(terms.slice(t, t + n).map(([k, p]) => say(made[k][p])).map((v, i) => i && v.startsWith('−') ? `(${v})` : v).join(' · '));
        const total = written.map((v, i) => i && v.startsWith('−') ? `− ${v.slice(1)}` : i ? `+ ${v}` : v).join(' ');
        return ` = ${op === 'mean' ? `(${total}) / ${terms.length}` : total}`;
      };
      const exchange = step => {
        const { node } = step, op = node < program.forward && nodes[node]?.[0];
        if (op !== 'mean' && op !== 'sum') return [];
        const other = op === 'mean' ? 'sum' : 'mean';
        return [push(`Take the ${other} here`, `take the ${other}`, b => {
          machine.swap(node);
          if (!swapped.delete(node)) swapped.set(node, step.title);
          update();
          const text = `take the ${nodes[node][0] === 'mean' ? 'sum' : 'mean'}`;
          b.textContent = text;
          b.setAttribute('aria-label', `${text[0].toUpperCase()}${text.slice(1)} here`);
        })];
      };
      const constants = step => [...exchange(step), ...numbersOf(step)];
      const numbersOf = step => program.constants.filter(([node]) => node === step.node).map(([node, operand]) => {
        const box = make('label', '', 'constant '), input = make('input');
        input.value = String(nodes[node][1][operand][0]);
        input.inputMode = 'decimal';
        const put = v => { machine.constant(node, operand, v); nodes[node][1][operand] = [v]; changed = true; update(); };
        input.onchange = () => { const v = typed(tidy(input.value)); if (Number.isFinite(v)) put(v); else input.value = String(nodes[node][1][operand][0]); };
        const slide = make('input');
        Object.assign(slide, { type: 'range', min: -3, max: 3, step: 0.05, value: 0 });
        slide.setAttribute('aria-label', 'Times a power of ten');
        const from = nodes[node][1][operand][0];
        slide.oninput = () => { const v = Number((from * 10 ** Number(slide.value)).toPrecision(3)); input.value = String(v); put(v); };
        box.append(input, slide);
        return box;
      });
      const numbers = program.constants.map(([node, operand]) => [node, operand, nodes[node][1][operand][0]]);
      find('[data-do=reset]').onclick = () => {
        leaves = fresh();
        past.length = 0;
        hand = null;
        dropped.clear();
        swapped.forEach((_, node) => machine.swap(node));
        swapped.clear();
        numbers.forEach(([node, operand, v]) => { machine.constant(node, operand, v); nodes[node][1][operand] = [v]; });
        changed = false;
        update();
        show(now);
      };
      find('[data-do=descend]').onclick = () => {
        const { value } = find('.rate'), rate = typed(tidy(value));
        if (!Number.isFinite(rate)) {
          find('.rate').value = '0.1';
          readout.textContent = `“${value}” is no rate; here is 0.1 again`;
          return;
        }
        put(new Map(program.wanted.map((k, i) => [program.leaves[i], leaves[program.leaves[i]].map((x, e) => x - rate * made[k][e])])));
      };
      tell();
      for (const control of root.querySelectorAll('[data-do=descend], .changes label')) control.hidden = !program.wanted.length;
      const fits = (node, v) => Number.isFinite((machine.ROUND[nodes[node][4]] ?? Number)(v));
      return { array, may, set, fits, explained, buttons, constants, undo };
    })();

    // What is on the page now: of each figure its node, how its cells are painted again, and a cell by its place.
    let figures = [], marked = new Map(), lit = new Map();
    const paint = () => figures.forEach(shown => shown.paint());
    const figure = panel => {
      const array = changes.array(panel), box = make('figure', panel.kind), node = machine ? panel.place : -1;
      const editable = changes.may(node);
      let matrix = 0, table = null, looks = [];
      const caption = make('figcaption', '', `${panel.name}${panel.mark ? ` ${panel.mark}` : ''} `);
      const label = `${panel.name}${panel.mark ? ` ${panel.mark}` : ''} ${tuple(array.shape)}`;
      caption.append(make('small', '', `${tuple(array.shape)}${array.dtype === 'float64' ? '' : ` ${array.dtype}`}`));
      const cells = make('div', 'cells');
      const part = make('span', 'note'), note = make('span', 'note');
      box.append(caption, part, cells);
      const whole = /int|bool/.test(array.dtype);
      const at = cell => [cell.parentNode.rowIndex, cell.cellIndex];
      const flat = ([i, j]) => placed(array, matrix, i, j); // the place of an element in the whole array
      const value = ([i, j]) => array.matrices[matrix][i * array.columns + j];
      const said = cell => {
        const index = place(array, matrix, ...at(cell)), name = `${panel.code}${index.length ? `[${index.join(', ')}]` : ''}`;
        const found = changes.explained(panel, flat(at(cell)));
        return `${name} = ${exact(value(at(cell)))}${found}`;
      };
      const shown = {
        node,
        cell: where => { const [m, i, j] = whereabouts(array, where); return table && m === matrix && i < array.rows ? table.rows[i].cells[j] : undefined; },
        paint: () => { // only what changes is written
          changes.array(panel);
          if (note.textContent !== array.note) note.textContent = array.note;
          note.hidden = !array.note;
          const cells = array.matrices[matrix];
          looks.forEach((look, e) => {
            const { cell, k } = look, v = cells[e], magnitude = size(v), strength = array.largest && Number.isFinite(magnitude) ? Math.min(1, magnitude / array.largest) ** 0.8 : 0;
            const sign = Array.isArray(v) || Number(v) > 0 ? 'positive' : 'negative', text = short(v, whole), colour = `${sign} ${(100 * strength).toFixed(1)}`;
            if (!cell.firstElementChild && cell.textContent !== text) cell.textContent = text;
            cell.classList.toggle('odd', !Number.isFinite(magnitude));
            cell.classList.toggle('made', !!marked.get(node)?.has(k));
            cell.classList.toggle('lit', !!lit.get(node)?.has(k));
            if (look.colour === colour) return;
            look.colour = colour;
            cell.style.backgroundColor = strength ? `color-mix(in srgb, var(--${sign}) ${(100 * strength).toFixed(1)}%, transparent)` : '';
            cell.style.color = strength ? `light-dark(${strength < STRONG.light[sign] ? '#000' : '#fff'}, ${strength < STRONG.dark[sign] ? '#fff' : '#000'})` : '';
          });
        },
      };
      const point = cell => {
        readout.textContent = said(cell);
        marked = machine ? machine.behind(node, flat(at(cell)), k => figures.some(other => other.node === k)) : new Map();
        if (marked.size) paint();
      };
      const leave = () => { readout.textContent = ''; if (marked.size) { marked = new Map(); paint(); } };
      const set = (cell, v, by) => { changes.set(node, new Map([[flat(at(cell)), v]]), by); readout.textContent = said(cell); };
      // Numbers from a table elsewhere fill the cells from here on to the right and below.
      const paste = event => {
        const cell = event.target.closest('td'), text = event.clipboardData?.getData('text') ?? '';
        const rows = text.trim().split(/\r?\n/).map(line => line.split(/[\s,;[\]()]+/).filter(Boolean).map(part => typed(tidy(part))));
        if (!cell || !editable || rows.flat().length < 2) return;
        event.preventDefault();
        const [i, j] = at(cell), good = rows.flat().every(v => Number.isFinite(v) && changes.fits(node, v));
        const room = i + rows.length <= array.rows && j + Math.max(...rows.map(row => row.length)) <= array.columns;
        cell.focus(); // what was being typed there ends
        if (good && room) changes.set(node, new Map(rows.flatMap((row, k) => row.map((v, l) => [flat([i + k, j + l]), v]))));
        else readout.textContent = good ? `${rows.length} × ${rows[0].length} numbers have no room from here on` : 'what was pasted is not of numbers alone';
      };
      const edit = (cell, start) => {
        const input = make('input'), hand = {};
        input.value = start ?? exact(value(at(cell))).replace('−', '-');
        input.setAttribute('aria-label', `New value of ${panel.name}`);
        input.inputMode = 'decimal';
        let open = true; // to remove it takes the focus away, which comes here again
        const done = keep => {
          if (!open) return;
          open = false;
          const text = tidy(input.value), v = typed(text), good = Number.isFinite(v) && changes.fits(node, v), left = cell.contains(document.activeElement);
          input.remove();
          shown.paint();
          if (left) cell.focus(); // which tells the value that it has
          if (keep && good) set(cell, v, hand);
          else if (keep && text) readout.textContent = `“${input.value}” is no number that can stand here; give one such as 0.5 or 1e-3`;
        };
        input.onkeydown = event => {
          event.stopPropagation();
          if (event.key === 'Enter' || event.key === 'Escape') { event.preventDefault(); done(event.key === 'Enter'); }
          const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
          if (!by || !Number.isFinite(Number(input.value))) return;
          event.preventDefault();
          input.value = String(Number((Number(input.value) + by * nudge(array)).toPrecision(12)));
          set(cell, Number(input.value), hand);
        };
        input.onblur = () => done(true);
        cell.replaceChildren(input);
        input.focus();
        if (start === undefined) input.select();
      };
      const drag = (cell, event) => { // up is more
        const from = event.clientY, before = Number(value(at(cell)));
        const over = new AbortController(), { signal } = over, hand = {};
        let moved = false;
        document.addEventListener('pointermove', ({ clientY, buttons }) => {
          if (!buttons) return over.abort();
          moved ||= Math.abs(clientY - from) > 3;
          if (moved) set(cell, Number((before + nudge(array) / 4 * Math.round((from - clientY) / 2)).toPrecision(12)), hand);
        }, { signal });
        for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, () => over.abort(), { signal });
      };
      const fill = () => {
        table = make('table');
        table.setAttribute('role', 'grid');
        table.style.setProperty('--columns', array.columns);
        table.setAttribute('aria-label', label + (editable ? ', to be changed' : ''));
        looks = [];
        for (let i = 0; i < array.rows; i++) {
          const row = table.insertRow();
          for (let j = 0; j < array.columns; j++) {
            const cell = row.insertCell();
            looks.push({ cell, k: flat([i, j]) });
            cell.setAttribute('role', 'gridcell');
            cell.tabIndex = i || j ? -1 : 0;
            cell.onmouseenter = cell.onfocus = () => point(cell);
            cell.onmouseleave = cell.onblur = leave;
            cell.onclick = () => {
              const mine = flat(at(cell)), again = lit.get(node)?.has(mine) && lit.start === `${node} ${mine}`;
              lit = machine && !again ? machine.behind(node, mine) : new Map();
              if (lit.size) { lit.set(node, (lit.get(node) ?? new Set()).add(mine)); lit.start = `${node} ${mine}`; }
              paint();
            };
            if (editable) {
              cell.classList.add('editable');
              cell.ondblclick = () => edit(cell);
              cell.onpointerdown = event => { if (event.button === 0 && event.pointerType === 'mouse') drag(cell, event); };
            }
          }
        }
        table.onpaste = paste;
        table.onkeydown = event => {
          const cell = event.target.closest('td');
          if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
          if (editable && (event.key === 'Enter' || /^[-−+.\d]$/.test(event.key))) {
            event.preventDefault();
            event.stopPropagation();
            return edit(cell, event.key === 'Enter' ? undefined : event.key);
          }
          const [i, j] = at(cell);
          const to = { ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1], Home: [i, 0], End: [i, array.columns - 1] }[event.key];
          if (!to) return;
          event.preventDefault();
          event.stopPropagation();
          const next = table.rows[to[0]]?.cells[to[1]];
          if (!next) return;
          cell.tabIndex = -1;
          next.tabIndex = 0;
          next.focus();
        };
        if (!array.rows) table = null;
        cells.replaceChildren(...(table ? [table] : []));
        const from = place(array, matrix, `:${array.rows}`, `:${array.columns}`).map((at, k) => at === `:${array.shape[k]}` ? ':' : at);
        const all = array.whole && array.matrices.length < 2;
        part.textContent = all || !array.rows ? '' : `[${from.join(', ')}] of ${tuple(array.shape)}`;
        part.hidden = !part.textContent;
        shown.paint();
      };
      figures.push(shown);
      fill();
      if (array.matrices.length > 1) {
        const turn = (name, text, by) => {
          const b = make('button', '', text);
          b.type = 'button';
          b.setAttribute('aria-label', `${name} matrix of ${panel.name}`);
          b.onclick = () => { matrix = (matrix + by + array.matrices.length) % array.matrices.length; fill(); };
          return b;
        };
        box.append(turn('Previous', '◀', -1), turn('Next', '▶', 1));
      }
      box.append(note);
      if (array.rows || (array.whole && array.shape.includes(0))) {
        const name = array.whole ? 'copy as NumPy' : 'copy this part as NumPy';
        box.append(copier(name, () => numpy(array.whole ? array : { ...array, matrices: [array.matrices[matrix]] }), box));
      }
      box.append(...changes.buttons(panel, node));
      return box;
    };
    const side = (place, content) => {
      const { head = '', panels = [], sum } = content || {};
      place.querySelector('.head').textContent = head;
      place.querySelector('.head').hidden = !head;
      const shown = panels.flatMap((panel, i) => [...(sum && i ? [make('div', 'plus', '+')] : []), figure(panel)]);
      place.querySelector('.arrays').replaceChildren(...shown);
      place.hidden = !shown.length && place.classList.contains('kept');
    };

    // ------------------------------------------------------------------------------------------------------- steps

    // A formula that is wider than its place gets smaller, as far as it can be read; beyond, it scrolls.
    const shrink = formula => {
      const room = find('.math').clientWidth, needs = formula.scrollWidth;
      if (room && needs > room) formula.style.fontSize = `${Math.max(11, Math.floor(17 * room / needs * 10) / 10)}px`;
    };
    const HEADS = { overview: 'overview', forward: 'forward: formula →', upstream: '← backward: given', backward: '← backward: local rule', fork: '← backward: sum' };
    const show = (to, moved) => {
      now = visible.findLast(k => k <= to) ?? 0;
      const at = visible.indexOf(now), end = visible.length - 1;
      const step = steps[now], mark = markOf(step), way = step.phase === 'forward' ? 'forward' : step.phase === 'overview' ? '' : 'backward';
      root.dataset.way = way;
      root.dataset.step = at;
      for (const [id, e] of laneElements) {
        e.classList.toggle('todo', now > 0 && lanes.get(id) > now);
        e.classList.toggle('now', !!step.lanes?.includes(id));
      }
      for (const [id, e] of spotElements) {
        e.classList.toggle('todo', now > 0 && spots.get(id) > now);
        e.classList.toggle('now', id === mark);
      }
      find('.middle .head').textContent = HEADS[step.phase];
      find('.title').textContent = step.title;
      find('.say').replaceChildren(...step.say.map(text => make('p', '', text)));
      find('.math').replaceChildren(...(step.math || []).map(math));
      if (step.latex) find('.math').append(copier('copy as LaTeX', () => step.latex, find('.math')));
      find('.math').querySelectorAll('math').forEach(shrink);
      find('.constants').replaceChildren(...changes.constants(step));
      find('.code').textContent = (step.code || []).join('\n');
      find('.code').hidden = !step.code?.length;
      find('.verdicts').replaceChildren(...(step.verdicts || []).map(({ name, status, mark, role, why }) => {
        const item = make('li', role);
        item.append(make('b', '', mark), `${name}: ${status}`);
        if (why) item.append(make('p', '', why));
        return item;
      }));
      figures = [];
      marked = new Map();
      side(find('.left'), step.left);
      side(find('.right'), step.right);
      side(find('.kept'), step.kept);
      find('.count').textContent = `step ${at} of ${end}`;
      slider.value = at;
      slider.setAttribute('aria-valuetext', `step ${at} of ${end}: ${step.title}`);
      button('first').disabled = button('back').disabled = !at;
      button('next').disabled = button('last').disabled = at === end;
      readout.textContent = '';
      const gate = element(mark);
      gates.forEach(e => e === gate ? e.setAttribute('aria-current', 'step') : e.removeAttribute('aria-current'));
      if (gate && !gates.includes(document.activeElement)) rove(gate);
      centre(gate, moved);
      overlook();
      if (moved && alone()) try { history.replaceState(null, '', `#step=${at}`); } catch { /* a frame without an address */ }
    };
    const centre = (gate, moved) => {
      const view = stage.getBoundingClientRect(), box = gate?.getBoundingClientRect();
      const left = box ? box.left + box.width / 2 - view.left + stage.scrollLeft - stage.clientWidth / 2 : 0;
      const top = box ? box.top + box.height / 2 - view.top + stage.scrollTop - stage.clientHeight / 2 : 0;
      stage.scrollTo({ left, top, behavior: moved && !still.matches ? 'smooth' : 'auto' });
    };
    const stepAt = at => visible[Math.max(0, Math.min(visible.length - 1, at))];
    const go = by => show(stepAt(visible.indexOf(now) + by), true);

    // ----------------------------------------------------------------------------------------------------- playing

    const beat = () => BEAT / Number(find('.speed select').value);
    const pause = () => {
      clearInterval(timer);
      timer = 0;
      button('play').setAttribute('aria-pressed', 'false');
      button('play').setAttribute('aria-label', 'Play');
      find('.middle').setAttribute('aria-live', 'polite');
      button('play').textContent = '▶ play';
    };
    const run = () => {
      clearInterval(timer);
      timer = setInterval(() => {
        if (!root.isConnected) return pause();
        go(1);
        if (now === visible.at(-1)) pause();
      }, beat());
    };
    const play = () => {
      if (timer) return pause();
      if (now === visible.at(-1)) show(0, true);
      if (visible.length === 1) return;
      button('play').setAttribute('aria-pressed', 'true');
      button('play').setAttribute('aria-label', 'Pause');
      find('.middle').setAttribute('aria-live', 'off'); // nobody can listen as fast as it plays
      button('play').textContent = '‖ pause';
      run();
    };
    find('.speed select').onchange = () => timer && run();

    // ---------------------------------------------------------------------------------------------------- controls

    let natural = svg.width.baseVal.value;
    const sized = fits => {
      button('fit').setAttribute('aria-pressed', stage.classList.toggle('fit', fits));
      if (fits) svg.style.width = svg.style.height = '';
    };
    const fit = () => {
      sized(!stage.classList.contains('fit'));
      centre(element(markOf(steps[now])));
      overlook();
    };
    // The point of the circuit at this place in the window stays there.
    const scale = (by, { clientX, clientY } = {}) => {
      const view = stage.getBoundingClientRect(), before = svg.getBoundingClientRect();
      const x = (clientX ?? view.left + stage.clientWidth / 2), y = (clientY ?? view.top + stage.clientHeight / 2);
      const ratio = Math.min(LARGEST, Math.max(SMALLEST, by * before.width / natural)) * natural / before.width;
      sized(false);
      svg.style.width = `${before.width * ratio}px`;
      svg.style.height = 'auto';
      stage.scrollTo({ left: (x - before.left) * ratio - (x - view.left), top: (y - before.top) * ratio - (y - view.top) });
      overlook();
    };
    stage.addEventListener('wheel', event => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      scale(Math.exp(-event.deltaY / 300), event);
    }, { passive: false });
    stage.addEventListener('pointerdown', event => { // to drag it; fingers scroll anyway
      if (event.button || event.pointerType !== 'mouse' || event.target.closest('[role=button]')) return;
      const { clientX, clientY } = event, { scrollLeft, scrollTop } = stage, over = new AbortController();
      stage.classList.add('moving');
      document.addEventListener('pointermove', to => stage.scrollTo(scrollLeft - to.clientX + clientX, scrollTop - to.clientY + clientY), { signal: over.signal });
      for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, () => { over.abort(); stage.classList.remove('moving'); }, { signal: over.signal });
    });

    // A small map of a circuit that is larger than its place: what is in it, and which part is seen.
    const overview = find('.overview'), seen = shape('rect', 'window');
    let map = null, blocks = new Map();
    const overlook = () => {
      const wide = stage.scrollWidth / stage.clientWidth, high = stage.scrollHeight / stage.clientHeight;
      overview.hidden = !(wide > 1.2 || high > 1.2);
      if (overview.hidden) return;
      const { width, height } = svg.viewBox.baseVal;
      if (!map) {
        map = shape('svg');
        map.setAttribute('viewBox', `0 0 ${width} ${height}`);
        const all = svg.getBoundingClientRect(), unit = width / all.width;
        for (const e of svg.querySelectorAll('.gate, .box, .data, .param, .constant, .output')) {
          const block = shape('rect'), here = e.getBoundingClientRect();
          put(block, ...[here.left - all.left, here.top - all.top, here.width, here.height].map(n => n * unit));
          blocks.set(e.id, block);
        }
        map.append(...blocks.values(), seen);
        overview.append(map);
      }
      const shown = svg.getBoundingClientRect().width, ratio = width / shown;
      const below = stage.clientWidth - shown < 200; // beside the circuit is no place, and on it nothing may lie
      const small = below ? Math.min(340 / width, 64 / height) : Math.min(170 / width, 120 / height);
      overview.classList.toggle('below', below);
      map.setAttribute('width', width * small);
      map.setAttribute('height', height * small);
      put(seen, stage.scrollLeft * ratio, stage.scrollTop * ratio, stage.clientWidth * ratio, stage.clientHeight * ratio);
      blocks.forEach((block, id) => block.classList.toggle('now', id === prefix + markOf(steps[now])));
    };
    const put = (rect, ...places) => ['x', 'y', 'width', 'height'].forEach((name, k) => rect.setAttribute(name, places[k]));
    overview.onpointerdown = overview.onpointermove = event => {
      if (!event.buttons || !map) return;
      const box = map.getBoundingClientRect();
      const to = (at, from, length, all, shown) => (at - from) / length * all - shown / 2;
      stage.scrollTo(to(event.clientX, box.left, box.width, stage.scrollWidth, stage.clientWidth), to(event.clientY, box.top, box.height, stage.scrollHeight, stage.clientHeight));
    };
    stage.addEventListener('scroll', () => overlook());
    new ResizeObserver(() => overlook()).observe(stage);
    const theme = () => {
      const dark = root.classList.contains('dark') || (!root.classList.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches);
      for (const e of [root, svg]) {
        e.classList.toggle('dark', !dark);
        e.classList.toggle('light', dark);
      }
    };
    const user = action => () => { pause(); action(); };
    const actions = { first: user(() => show(0, true)), back: user(() => go(-1)), play, next: user(() => go(1)), last: user(() => show(visible.at(-1), true)), fit, smaller: () => scale(1 / 1.25), larger: () => scale(1.25), theme };
    for (const [name, action] of Object.entries(actions)) button(name).onclick = action;
    slider.oninput = user(() => show(stepAt(Number(slider.value)), true));

    const visit = target => {
      const id = target.id.slice(prefix.length), hits = visible.filter(k => markOf(steps[k]) === id);
      if (hits.length) { pause(); show(hits.find(k => k > now) ?? hits[0], true); }
    };
    // One gate is reached by Tab, the others from there by arrow keys.
    let gates = [];
    const rove = gate => gates.forEach(e => e.setAttribute('tabindex', e === gate ? '0' : '-1'));
    const reach = () => {
      gates = [...new Set(steps.filter(step => isSeen(step) || opened.has(step.box)).map(markOf))].map(element).filter(Boolean);
      for (const [title, first] of titles()) { // before what is in its frame
        const at = gates.findIndex(e => e.closest('svg') === title.closest('svg') && /(node|box)-\d+$/.test(e.id) && Number(/\d+$/.exec(e.id)[0]) >= first);
        gates.splice(at < 0 ? gates.length : at, 0, title);
      }
      gates.forEach((e, k) => {
        const box = e.id.slice(prefix.length), opens = insides.has(box) || !!standing(box);
        const act = () => frames.has(e) ? shut(frames.get(e)) : opens ? toggle(box) : visit(e);
        e.setAttribute('role', 'button');
        if (!e.hasAttribute('tabindex')) e.setAttribute('tabindex', '-1');
        if (opens) e.setAttribute('aria-expanded', String(opened.has(box)));
        e.onclick = () => { rove(e); act(); };
        e.onkeydown = event => {
          const to = { ArrowRight: k + 1, ArrowDown: k + 1, ArrowLeft: k - 1, ArrowUp: k - 1, Home: 0, End: gates.length - 1 }[event.key];
          if (event.ctrlKey || event.metaKey || event.altKey || (to === undefined && event.key !== 'Enter')) return;
          event.preventDefault();
          event.stopPropagation();
          if (to === undefined) return act();
          const next = gates[to];
          if (next) { rove(next); next.focus(); }
        };
      });
    };

    // --------------------------------------------------------------------------------------------- boxes that open

    // What is in a box is shown below the line that the box is in; all that comes after moves down.
    const HEAD = 30, AIR = 14; // above what is in a box, and around it
    const plans = new WeakMap(); // of each picture its own size, and its lines
    const plan = picture => {
      if (!plans.has(picture)) {
        const parts = [...picture.querySelector(':scope > .graph').children].flatMap(e => {
          const { y, width, height } = e.getBBox?.() ?? {};
          return width || height ? [{ e, y, end: y + height }] : [];
        }).sort((a, b) => a.y - b.y);
        const lines = [];
        for (const part of parts) {
          const line = lines.at(-1);
          if (line && part.y <= line.end) { line.parts.push(part.e); line.end = Math.max(line.end, part.end); } else lines.push({ parts: [part.e], end: part.end });
        }
        plans.set(picture, { lines, width: picture.width.baseVal.value, height: picture.height.baseVal.value });
      }
      return plans.get(picture);
    };
    const arrange = picture => {
      let { lines, width, height } = plan(picture), down = 0;
      for (const { parts, end } of lines) {
        for (const e of parts) if (down) e.setAttribute('transform', `translate(0 ${down})`); else e.removeAttribute('transform');
        for (const e of parts) {
          const inside = opened.get(e.id.slice(prefix.length));
          if (!inside) continue;
          const [wide, high] = arrange(inside.svg), { x, width: w } = e.getBBox(), middle = x + w / 2 - AIR;
          inside.group.setAttribute('transform', `translate(${AIR} ${end + down + AIR})`);
          put(inside.frame, -1, 0, wide + 2, high + HEAD + 1);
          inside.notch.setAttribute('d', `M${middle - 8} 0L${middle} -9L${middle + 8} 0`);
          down += high + HEAD + 2 * AIR;
          width = Math.max(width, wide + 2 * AIR);
        }
      }
      picture.setAttribute('width', width);
      picture.setAttribute('height', height + down);
      picture.setAttribute('viewBox', `0 0 ${width} ${height + down}`);
      return [width, height + down];
    };
    // A picture is there once for all its places, in which its ids begin otherwise.
    const copyOf = (template, start) => {
      const { like } = template.dataset, copy = (like ? insides.get(like) : template).content.firstElementChild.cloneNode(true);
      for (const e of copy.querySelectorAll('[id]')) e.id = `${prefix}${start}${e.id}`;
      for (const e of copy.querySelectorAll('[textLength]')) e.setAttribute('lengthAdjust', 'spacingAndGlyphs');
      copy.setAttribute('aria-labelledby', copy.getAttribute('aria-labelledby').split(' ').map(id => `${prefix}${start}${id}`).join(' '));
      return copy;
    };
    const open = box => {
      const at = element(box), inside = copyOf(insides.get(box), `in-${box}-`), group = shape('g', 'inside');
      const title = shape('g', 'close'), text = shape('text'), ground = shape('rect'), frame = shape('rect', 'frame'), notch = shape('path', 'frame');
      const name = insides.get(box).dataset.name;
      text.textContent = `▾ ${name}`;
      text.setAttribute('x', 12);
      text.setAttribute('y', 20);
      title.append(ground, text);
      title.setAttribute('role', 'button');
      title.setAttribute('tabindex', '0');
      title.setAttribute('aria-label', `Close ${name}`);
      title.onclick = () => toggle(box);
      title.onkeydown = event => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        event.stopPropagation();
        toggle(box);
        element(box).focus();
      };
      inside.setAttribute('x', 0);
      inside.setAttribute('y', HEAD);
      group.append(frame, notch, title, inside);
      at.closest('svg').append(group);
      opened.set(box, { svg: inside, group, frame, notch });
      index();
      const { x, y, width, height } = text.getBBox();
      put(ground, x - 6, y - 3, width + 12, height + 6);
    };
    const close = box => {
      if (!opened.has(box)) return;
      const { group } = opened.get(box);
      opened.delete(box);
      for (const inner of [...opened.keys(), ...folded.keys()]) if (inner.startsWith(`in-${box}-`)) { folded.delete(inner); close(inner); }
      group.remove();
      index();
    };

    // A frame folds: its picture gives way to one of boxes in boxes, of which all others are open. Once all are, the
    // picture is as it was.
    const frames = new Map(); // by the title of a frame, the boxes that stand for what is around it, and for itself
    const outer = name => /^(?:in-(.*)-)?fold$/.exec(name)[1];
    const pictureOf = name => outer(name) ? opened.get(outer(name))?.svg : svg;
    const standing = box => [...folded.keys()].find(name => folds.get(name).boxes.includes(box));
    const titles = () => { // of the frames that are seen, one for each scope, with the number of its first gate
      const found = new Map();
      for (const [name, fold] of folds) {
        if (folded.has(name) || !pictureOf(name)) continue;
        for (const [frame, chain] of Object.entries(fold.frames)) {
          const title = element(`${frame}-name`);
          if (!title) continue;
          if (!frames.has(title)) dress(title);
          frames.set(title, chain);
          if (![...found.values()].includes(chain.at(-1))) found.set(title, chain.at(-1));
        }
      }
      return [...found].map(([title, box]) => [title, Number(/\d+$/.exec(box)[0])]);
    };
    const dress = title => {
      const text = title.querySelector('text'), ground = shape('rect'), sign = shape('text'), { x, y, width, height } = text.getBBox();
      put(ground, x - 10, y + height / 2 - 12, width + 14, 24);
      sign.textContent = '▾';
      sign.setAttribute('x', x - 8);
      sign.setAttribute('y', text.getAttribute('y'));
      title.prepend(ground, sign);
      title.classList.add('fold');
      title.removeAttribute('aria-hidden');
      title.setAttribute('aria-expanded', 'true');
      title.setAttribute('aria-label', `Close ${text.textContent}`);
      title.onclick = () => shut(frames.get(title));
    };
    const exchange = (picture, graph, width, height) => {
      picture.querySelector(':scope > .graph').replaceWith(graph);
      picture.setAttribute('width', width);
      picture.setAttribute('height', height);
      plans.delete(picture);
      index();
    };
    // Boxes that were open are so again, under the names that they have there.
    const kept = (picture, change) => {
      const all = new Set([...folds.values()].flatMap(({ boxes }) => boxes)), were = [...opened.keys()].filter(box => picture.contains(opened.get(box).group));
      const tails = new Set(were.filter(box => !all.has(box)).map(box => /box-\d+$/.exec(box)[0]));
      were.forEach(close);
      change();
      for (let more = true; more;) {
        const next = [...ids.keys()].find(id => tails.has(/box-\d+$/.exec(id)?.[0]) && insides.has(id) && !opened.has(id) && !all.has(id));
        if (more = !!next) open(next);
      }
    };
    const fold = name => {
      const { other, boxes } = folds.get(name), picture = pictureOf(name), shown = copyOf(other, `${name}-`);
      kept(picture, () => {
        const { width, height } = plan(picture), graph = picture.querySelector(':scope > .graph');
        folded.set(name, { graph, width, height });
        exchange(picture, shown.querySelector(':scope > .graph'), shown.getAttribute('width'), shown.getAttribute('height'));
        boxes.filter(box => insides.has(box)).forEach(open);
      });
    };
    const unfold = name => {
      const { graph, width, height } = folded.get(name), picture = pictureOf(name);
      kept(picture, () => { folded.delete(name); exchange(picture, graph, width, height); });
    };
    const shut = chain => settle(chain.at(-1), true, () => {
      fold(chain[0].replace(/-box-\d+$/, ''));
      close(chain.at(-1));
    });
    const toggle = box => settle(box, opened.has(box), () => {
      const name = standing(box), boxes = name ? folds.get(name).boxes : [];
      if (opened.has(box)) return close(box);
      for (const one of [box, ...boxes.filter(other => around(other).includes(box))]) if (insides.has(one)) open(one);
      if (name && boxes.every(other => other === box || opened.has(other))) unfold(name);
    });
    const settle = (box, closes, change) => {
      const ratio = svg.getBoundingClientRect().width / natural, back = steps[now].phase !== 'forward', was = now;
      const focused = svg.contains(document.activeElement);
      change();
      arrange(svg);
      natural = svg.width.baseVal.value;
      if (!stage.classList.contains('fit')) svg.style.width = `${natural * ratio}px`;
      track();
      reach();
      overview.replaceChildren();
      [map, blocks] = [null, new Map()];
      const [title] = [...frames].find(([title, chain]) => chain.at(-1) === box && title.isConnected) ?? [];
      const holds = step => closes ? step.box === box : around(markOf(step)).includes(box);
      const same = steps.findIndex((step, k) => visible.includes(k) && holds(step) && (step.phase !== 'forward') === back);
      show(visible.includes(was) || same < 0 ? was : same);
      const there = element(box) ?? title;
      if (focused && there && !svg.contains(document.activeElement)) { rove(there); there.focus(); }
      centre(there);
    };
    // What is open, and folded, where an element is.
    const containers = [...[...insides.keys()].map(box => [box, `in-${box}-`]), ...[...folds.keys()].map(name => [name, `${name}-`])];
    const around = id => {
      const [inner] = containers.filter(([, start]) => id.startsWith(start)).sort((a, b) => b[1].length - a[1].length)[0] ?? [];
      return inner ? [...around(inner), inner] : [];
    };
    const reveal = step => {
      for (let n = 0; n < 20 && !isSeen(step); n++) {
        const box = [step.mark, ...(step.also ?? [])].flatMap(around).find(box => !opened.has(box) && element(box));
        const name = [...folded.keys()].find(name => folded.get(name).graph.querySelector(`[id="${CSS.escape(prefix + step.mark)}"]`));
        if (box) toggle(box);
        else if (name) settle('', false, () => unfold(name));
        else return;
      }
    };

    // ------------------------------------------------------------------------------------------------------ search

    // What has a name: the steps forward, and the leaves, outputs and scopes of the picture.
    const listed = () => [...steps.flatMap((step, k) => step.phase === 'forward' && !step.box ? [{ k, name: step.right.panels[0].name, text: `${step.title}: ${step.right.panels[0].name}` }] : []),
      ...[...svg.querySelectorAll('.data, .param, .constant, .output, .box')].flatMap(e => {
        const text = e.querySelector('title')?.textContent ?? '';
        return text ? [{ id: e.id.slice(prefix.length), name: text.replace(/^\S+ /, ''), text }] : [];
      })];
    const spot = ({ id, k }) => element(id ?? markOf(steps[k]));
    const search = find('.search');
    let hits = [], turn = 0;
    const point = () => {
      svg.querySelectorAll('.found').forEach(e => e.classList.remove('found'));
      hits.forEach(hit => spot(hit)?.classList.add('found'));
      if (search.value.trim()) readout.textContent = hits.length ? `${turn + 1} of ${hits.length}: ${hits[turn].text}` : `nothing here is called “${search.value.trim()}”`;
      else readout.textContent = '';
      if (hits.length) centre(spot(hits[turn]), true);
    };
    search.oninput = () => {
      const wanted = search.value.trim().toLowerCase(), rank = ({ name, text }) => name.toLowerCase() === wanted || name.toLowerCase().startsWith(`${wanted} `) ? 0 : name.toLowerCase().startsWith(wanted) ? 1 : text.toLowerCase().includes(wanted) ? 2 : 3;
      hits = wanted ? listed().filter(one => rank(one) < 3).sort((a, b) => rank(a) - rank(b)) : [];
      turn = 0;
      point();
    };
    search.onkeydown = event => {
      if (event.key === 'Escape') { search.value = ''; search.oninput(); }
      if (event.key !== 'Enter' || !hits.length) return;
      event.preventDefault();
      const hit = hits[turn];
      if (hit.k !== undefined && hit.k !== now) {
        pause();
        reveal(steps[hit.k]);
        show(hit.k, true);
      } else turn = (turn + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
      point();
    };

    const KEYS = { ArrowRight: 'next', ArrowLeft: 'back', Home: 'first', End: 'last', ' ': 'play', f: 'fit', '+': 'larger', '=': 'larger', '-': 'smaller', '/': 'search', t: 'theme' };
    actions.search = () => search.focus();
    const mine = target => root.contains(target) || (!document.activeElement?.closest('.mt-player') && root.matches(':hover')) || ('whole' in root.dataset && (target === document.body || target === document.documentElement));
    document.addEventListener('keydown', event => {
      const target = event.target, action = KEYS[event.key];
      if ((event.ctrlKey || event.metaKey) && event.key === 'z' && root.isConnected && mine(target) && !target.closest('input, textarea')) {
        event.preventDefault();
        return changes.undo();
      }
      if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !root.isConnected || !mine(target)) return;
      if (target.closest('input, select, textarea, [contenteditable]') && !(target === slider && 'ft+=-/ '.includes(event.key))) return;
      if (event.key === ' ' && target.closest('button, summary')) return;
      event.preventDefault();
      actions[action]();
    });

    track();
    reach();
    rove(gates[0]);
    const address = () => {
      const step = /step=(\d+)/.exec(location.hash);
      show(alone() && step ? stepAt(Number(step[1])) : 0);
      if (alone() && /[#&]play\b/.test(location.hash) && !timer) play();
    };
    const legible = 0.65;  // of its size, a picture still is
    if (stage.clientWidth < svg.width.baseVal.value && stage.clientWidth > legible * svg.width.baseVal.value) fit();
    addEventListener('hashchange', () => { if (alone() && root.isConnected) { pause(); address(); } });
    address();
  };

  // Only once the page is whole is it known how many players it has.
  const begin = () => document.querySelectorAll('.mt-player:not([data-started])').forEach(start);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin);
  else begin();
})();
