(() => {
  'use strict';
  const MATHML = 'http://www.w3.org/1998/Math/MathML';
  const BEAT = 1800; // milliseconds of a step at the usual speed
  const STRONG = { light: { positive: 2, negative: 0.872 }, dark: { positive: 0.608, negative: 0.778 } };
  // From this share of a colour on, its number is read better in white on a light page, in black on a dark one.
  const still = matchMedia('(prefers-reduced-motion: reduce)');

  // ------------------------------------------------------------------------------------------------------- elements

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
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
    const { values, steps } = JSON.parse(find('script.data').textContent);
    const prefix = `${root.id}-`, svg = find('.stage svg'), stage = find('.stage'), slider = find('.slider');
    const readout = find('.readout[role]'), button = name => find(`[data-do=${name}]`);
    const element = id => svg.querySelector(`[id="${CSS.escape(prefix + id)}"]`);
    const alone = () => document.querySelectorAll('.mt-player').length === 1;
    let now = 0, timer = 0;

    const lanes = new Map(), spots = new Map(); // by id, at which step it is reached
    steps.forEach((step, k) => {
      for (const id of step.lanes || []) if (!lanes.has(id)) lanes.set(id, k);
      for (const id of step.items || []) if (!spots.has(id)) spots.set(id, k);
    });
    const light = (ids, name) => [...ids.keys()].map(id => [id, element(id)]).filter(([, e]) => e).map(([id, e]) => (e.classList.add(name), [id, e]));
    const laneElements = light(lanes, 'lane'), spotElements = light(spots, 'spot');

    // ------------------------------------------------------------------------------------------------------ arrays

    const mark = j => root.querySelectorAll('td').forEach(td => td.classList.toggle('column', td.dataset.j === String(j)));
    const figure = panel => {
      const array = values[panel.value], box = make('figure', panel.kind);
      let matrix = 0;
      const caption = make('figcaption', '', `${panel.name}${panel.mark ? ` ${panel.mark}` : ''} `);
      const label = `${panel.name}${panel.mark ? ` ${panel.mark}` : ''} ${tuple(array.shape)}`;
      caption.append(make('small', '', `${tuple(array.shape)}${array.dtype === 'float64' ? '' : ` ${array.dtype}`}`));
      const cells = make('div', 'cells');
      const part = make('span', 'note');
      box.append(caption, part, cells);
      const fill = () => {
        const table = make('table');
        table.setAttribute('role', 'grid');
        table.setAttribute('aria-label', label);
        const whole = /int|bool/.test(array.dtype);
        for (let i = 0; i < array.rows; i++) {
          const row = table.insertRow();
          for (let j = 0; j < array.columns; j++) {
            const v = array.matrices[matrix][i * array.columns + j], cell = row.insertCell();
            const at = place(array, matrix, i, j);
            const magnitude = size(v), strength = array.largest && Number.isFinite(magnitude) ? (magnitude / array.largest) ** 0.8 : 0;
            const sign = Array.isArray(v) || Number(v) > 0 ? 'positive' : 'negative';
            cell.setAttribute('role', 'gridcell');
            cell.textContent = short(v, whole);
            cell.dataset.j = j;
            cell.tabIndex = i || j ? -1 : 0;
            if (!Number.isFinite(magnitude)) cell.classList.add('odd');
            else if (strength) {
              cell.style.backgroundColor = `color-mix(in srgb, var(--${sign}) ${(100 * strength).toFixed(1)}%, transparent)`;
              cell.style.color = `light-dark(${strength < STRONG.light[sign] ? '#000' : '#fff'}, ${strength < STRONG.dark[sign] ? '#fff' : '#000'})`;
            }
            const said = `${panel.code}${at.length ? `[${at.join(', ')}]` : ''} = ${exact(v)}`;
            cell.onmouseenter = cell.onfocus = () => { readout.textContent = said; mark(j); };
            cell.onmouseleave = cell.onblur = () => { readout.textContent = ''; mark(-1); };
          }
        }
        table.onkeydown = event => {
          const cell = event.target.closest('td');
          if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
          const i = cell.parentNode.rowIndex, j = cell.cellIndex;
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
        cells.replaceChildren(...(array.rows ? [table] : []));
        const from = place(array, matrix, `:${array.rows}`, `:${array.columns}`).map((at, k) => at === `:${array.shape[k]}` ? ':' : at);
        const all = array.whole && array.matrices.length < 2;
        part.textContent = all || !array.rows ? '' : `[${from.join(', ')}] of ${tuple(array.shape)}`;
        part.hidden = !part.textContent;
      };
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
      if (array.note) box.append(make('span', 'note', array.note));
      if (array.rows || (array.whole && array.shape.includes(0))) {
        const name = array.whole ? 'copy as NumPy' : 'copy this part as NumPy';
        box.append(copier(name, () => numpy(array.whole ? array : { ...array, matrices: [array.matrices[matrix]] }), box));
      }
      return box;
    };
    const side = (place, content) => {
      const { head = '', panels = [], sum } = content || {};
      place.querySelector('h3').textContent = head;
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
      now = Math.max(0, Math.min(steps.length - 1, to));
      const step = steps[now], way = step.phase === 'forward' ? 'forward' : step.phase === 'overview' ? '' : 'backward';
      root.dataset.way = way;
      root.dataset.step = now;
      for (const [id, e] of laneElements) {
        e.classList.toggle('todo', now > 0 && lanes.get(id) > now);
        e.classList.toggle('now', !!step.lanes?.includes(id));
      }
      for (const [id, e] of spotElements) {
        e.classList.toggle('todo', now > 0 && spots.get(id) > now);
        e.classList.toggle('now', id === step.mark);
      }
      find('.middle h3').textContent = HEADS[step.phase];
      find('.title').textContent = step.title;
      find('.say').replaceChildren(...step.say.map(text => make('p', '', text)));
      find('.math').replaceChildren(...(step.math || []).map(math));
      if (step.latex) find('.math').append(copier('copy as LaTeX', () => step.latex, find('.math')));
      find('.math').querySelectorAll('math').forEach(shrink);
      find('.code').textContent = (step.code || []).join('\n');
      find('.code').hidden = !step.code?.length;
      find('.verdicts').replaceChildren(...(step.verdicts || []).map(({ name, status, mark, role, why }) => {
        const item = make('li', role);
        item.append(make('b', '', mark), `${name}: ${status}`);
        if (why) item.append(make('p', '', why));
        return item;
      }));
      side(find('.left'), step.left);
      side(find('.right'), step.right);
      side(find('.kept'), step.kept);
      find('.count').textContent = `step ${now} of ${steps.length - 1}`;
      slider.value = now;
      slider.setAttribute('aria-valuetext', `step ${now} of ${steps.length - 1}: ${step.title}`);
      button('first').disabled = button('back').disabled = !now;
      button('next').disabled = button('last').disabled = now === steps.length - 1;
      readout.textContent = '';
      centre(step.mark && element(step.mark), moved);
      if (moved && alone()) try { history.replaceState(null, '', `#step=${now}`); } catch { /* a frame without an address */ }
    };
    const centre = (gate, moved) => {
      const view = stage.getBoundingClientRect(), box = gate?.getBoundingClientRect();
      const left = box ? box.left + box.width / 2 - view.left + stage.scrollLeft - stage.clientWidth / 2 : 0;
      const top = box ? box.top + box.height / 2 - view.top + stage.scrollTop - stage.clientHeight / 2 : 0;
      stage.scrollTo({ left, top, behavior: moved && !still.matches ? 'smooth' : 'auto' });
    };
    const go = by => show(now + by, true);

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
        if (now === steps.length - 1) pause();
      }, beat());
    };
    const play = () => {
      if (timer) return pause();
      if (now === steps.length - 1) show(0, true);
      if (steps.length === 1) return;
      button('play').setAttribute('aria-pressed', 'true');
      button('play').setAttribute('aria-label', 'Pause');
      find('.middle').setAttribute('aria-live', 'off'); // nobody can listen as fast as it plays
      button('play').textContent = '‖ pause';
      run();
    };
    find('.speed select').onchange = () => timer && run();

    // ---------------------------------------------------------------------------------------------------- controls

    const fit = () => {
      button('fit').setAttribute('aria-pressed', stage.classList.toggle('fit'));
      centre(steps[now].mark && element(steps[now].mark));
    };
    const theme = () => {
      const dark = root.classList.contains('dark') || (!root.classList.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches);
      for (const e of [root, svg]) {
        e.classList.toggle('dark', !dark);
        e.classList.toggle('light', dark);
      }
    };
    const user = action => () => { pause(); action(); };
    const actions = { first: user(() => show(0, true)), back: user(() => go(-1)), play, next: user(() => go(1)), last: user(() => show(steps.length - 1, true)), fit, theme };
    for (const [name, action] of Object.entries(actions)) button(name).onclick = action;
    slider.max = steps.length - 1;
    slider.oninput = user(() => show(Number(slider.value), true));

    const visit = target => {
      const id = target.id.slice(prefix.length), hits = steps.flatMap((step, k) => step.mark === id ? [k] : []);
      if (hits.length) { pause(); show(hits.find(k => k > now) ?? hits[0], true); }
    };
    for (const id of new Set(steps.map(step => step.mark).filter(Boolean))) {
      const e = element(id);
      if (!e) continue;
      e.setAttribute('tabindex', '0');
      e.setAttribute('role', 'button');
      e.onclick = () => visit(e);
      e.onkeydown = event => {
        if (event.key !== 'Enter') return;
        event.preventDefault();
        visit(e);
      };
    }

    const KEYS = { ArrowRight: 'next', ArrowLeft: 'back', Home: 'first', End: 'last', ' ': 'play', f: 'fit', t: 'theme' };
    const mine = target => root.contains(target) || (!document.activeElement?.closest('.mt-player') && root.matches(':hover')) || ('whole' in root.dataset && (target === document.body || target === document.documentElement));
    document.addEventListener('keydown', event => {
      const target = event.target, action = KEYS[event.key];
      if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !root.isConnected || !mine(target)) return;
      if (target.closest('input, select, textarea, [contenteditable]') && !(target === slider && 'ft '.includes(event.key))) return;
      if (event.key === ' ' && target.closest('button, summary')) return;
      event.preventDefault();
      actions[action]();
    });

    const address = () => {
      const step = /step=(\d+)/.exec(location.hash);
      show(alone() && step ? Number(step[1]) : 0);
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
