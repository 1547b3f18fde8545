// The program of a graph: all values computed again, forward and backward.
const live = (() => {
  'use strict';
  const ROOT_PI = Math.sqrt(Math.PI);
  const erf = x => { // of positive terms: no digits cancel
    const a = Math.abs(x);
    if (a > 6) return Math.sign(x);
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= 2 * x * x / (2 * n + 1);
    return x === 0 ? x : 2 / ROOT_PI * Math.exp(-x * x) * sum;
  };
  const erfc = x => { // a continued fraction for the tail
    if (!(x > 2)) return 1 - erf(x);
    let fraction = x;
    for (let k = 60; k; k--) fraction = x + k / 2 / fraction;
    return x === Infinity ? 0 : Math.exp(-x * x) / (ROOT_PI * fraction);
  };
  const sigmoid = x => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
  const rint = x => { const down = Math.floor(x), rest = x - down; return rest === 0.5 ? 2 * Math.round(x / 2) : rest < 0.5 ? down : down + 1; };
  const modulo = (a, b) => { const rest = a % b; return rest && (rest < 0) !== (b < 0) ? rest + b : rest; };
  const F = {
    add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b, neg: a => -a, pow: Math.pow,
    square: a => a * a, sqrt: Math.sqrt, reciprocal: a => 1 / a, exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p,
    log2: Math.log2, log10: Math.log10, sin: Math.sin, cos: Math.cos, tan: Math.tan, tanh: Math.tanh, sinh: Math.sinh, cosh: Math.cosh,
    arcsin: Math.asin, arccos: Math.acos, arctan: Math.atan, arctan2: Math.atan2, arcsinh: Math.asinh, arccosh: Math.acosh,
    arctanh: Math.atanh, hypot: Math.hypot, erf, erfc, sigmoid, relu: a => a > 0 ? a : a === a ? 0 : a, abs: Math.abs, sign: Math.sign,
    maximum: (a, b) => Math.max(a, b), minimum: (a, b) => Math.min(a, b), where: (c, a, b) => c ? a : b,
    clip: (a, low, high) => { a = low !== null && a < low ? low : a; return high !== null && a > high ? high : a; },
    floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, rint, floor_divide: (a, b) => (a - modulo(a, b)) / b, remainder: modulo,
    fmod: (a, b) => a % b, logaddexp: (a, b) => a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))),
    greater: (a, b) => +(a > b), greater_equal: (a, b) => +(a >= b), less: (a, b) => +(a < b), less_equal: (a, b) => +(a <= b),
    equal: (a, b) => +(a === b), not_equal: (a, b) => +(a !== b), isfinite: a => +Number.isFinite(a), bitwise_and: (a, b) => a & b,
    bitwise_or: (a, b) => a | b, invert: a => 1 - a, stop_gradient: a => a, to_float: a => a, to_integer: a => a,
  };
  const filled = (size, f) => { const made = new Float64Array(size); for (let e = 0; e < size; e++) made[e] = f(e); return made; };
  const count = shape => shape.reduce((n, k) => n * k, 1);
  const steps = shape => shape.map((_, k) => count(shape.slice(k + 1)));
  // For each place of a shape where it is in an array with other steps.
  const walk = (shape, moves) => {
    let places = [0];
    shape.forEach((n, k) => { places = places.flatMap(p => Array.from({ length: n }, (_, i) => p + i * moves[k])); });
    return places;
  };
  const spread = (from, to) => { // an array of one shape, broadcast to another
    const moves = steps(from), more = to.length - from.length;
    return walk(to, to.map((_, k) => k < more || from[k - more] === 1 ? 0 : moves[k - more]));
  };
  const along = (shape, axes) => {
    const moves = steps(shape), rest = [...shape.keys()].filter(k => !axes.includes(k)), pick = ks => walk(ks.map(k => shape[k]), ks.map(k => moves[k]));
    return [pick(rest), pick(axes)];
  };
  const sum = terms => { // compensated: NumPy adds in another order
    let total = 0, rest = 0;
    for (const x of terms) { const t = total + x; rest += Math.abs(total) >= Math.abs(x) ? total - t + x : x - t + total; total = t; }
    return Number.isFinite(rest) ? total + rest : total;
  };
  const best = better => xs => { let at = 0; xs.forEach((x, k) => { if (xs[at] === xs[at] && (x !== x || better(x, xs[at]))) at = k; }); return at; };
  const R = { sum, mean: xs => sum(xs) / xs.length, max: xs => xs.reduce((a, b) => Math.max(a, b)), min: xs => xs.reduce((a, b) => Math.min(a, b)),
    prod: xs => xs.reduce((a, b) => a * b, 1), argmax: best((a, b) => a > b), argmin: best((a, b) => a < b) };
  const products = (shapes, letters) => { // where the factors of all terms are, those of one element after those of another
    const sizes = {}, result = letters.at(-1);
    shapes.forEach((s, i) => s.forEach((n, k) => { const c = letters[i][k]; sizes[c] = n === 1 ? sizes[c] ?? 1 : n; }));
    const summed = Object.keys(sizes).filter(c => !result.includes(c)), whole = [...result, ...summed];
    const moved = shapes.map((s, i) => {
      const by = steps(s);
      return walk(whole.map(c => sizes[c]), whole.map(c => [...letters[i]].reduce((n, d, k) => n + (d === c && s[k] > 1 ? by[k] : 0), 0)));
    });
    return { moved, terms: count(summed.map(c => sizes[c])) };
  };
  // Which elements of its operands an element of a result is made of: by operand the list of places, for each place.
  const PLANS = {
    gather: (shapes, shape, [at]) => at.map(k => {
      for (const [i, s] of shapes.entries()) { if (k < 0) break; if (k < count(s)) return [[i, k]]; k -= count(s); }
      return [];
    }),
    scatter: (shapes, shape, at) => { const found = Array.from({ length: count(shape) }, () => []); at.forEach((to, k) => found[to].push([0, k])); return found; },
    einsum: (shapes, shape, letters) => {
      const { moved, terms } = products(shapes, letters);
      return Array.from({ length: count(shape) }, (_, e) => Array.from({ length: terms }, (_, t) => moved.map((at, i) => [i, at[e * terms + t]])).flat());
    },
    elementwise: (shapes, shape) => { const at = shapes.map(s => spread(s, shape)); return Array.from({ length: count(shape) }, (_, e) => at.map((places, i) => [i, places[e]])); },
    reduce: ([s], shape, axes) => { const [starts, within] = along(s, axes); return starts.map(a => within.map(b => [0, a + b])); },
  };
  const shapesOf = (operands, shapes) => operands.map(x => Array.isArray(x) ? (x.length === 1 ? [] : [x.length]) : shapes[x]);
  const kind = op => PLANS[op] ? op : F[op] ? 'elementwise' : R[op] ? 'reduce' : op;

  const prepared = ([op, operands, more, shape, dtype], shapes) => {
    const inner = shapesOf(operands, shapes), what = kind(op), size = count(shape);
    if (what === 'elementwise') {
      const f = F[op], at = inner.map(s => spread(s, shape)), [p, q] = at;
      if (at.length === 1) return ([a]) => filled(size, op === 'clip' ? e => f(a[p[e]], ...more) : e => f(a[p[e]]));
      if (at.length === 2) return ([a, b]) => filled(size, e => f(a[p[e]], b[q[e]]));
      return xs => filled(size, e => f(...xs.map((x, i) => x[at[i][e]])));
    }
    if (what === 'reduce') {
      const [starts, within] = along(inner[0], more);
      return ([a]) => filled(size, e => R[op](within.map(k => a[starts[e] + k])));
    }
    if (what === 'gather') return xs => { const all = xs.flatMap(x => Array.from(x)); return more[0].map(k => k < 0 ? more[1] : all[k]); };
    if (what === 'scatter') {
      const plan = PLANS.scatter(inner, shape, more);
      return ([a]) => plan.map(terms => sum(terms.map(([, k]) => a[k])));
    }
    if (what === 'einsum') {
      const { moved, terms } = products(inner, more);
      const [p, q] = moved, own = new Float64Array(terms);
      return xs => filled(size, e => {
        for (let k = 0, t = e * terms; k < terms; k++, t++) own[k] = xs.length === 2 ? xs[0][p[t]] * xs[1][q[t]] : xs.reduce((v, x, i) => v * x[moved[i][t]], 1);
        return sum(own);
      });
    }
    const source = op === 'put_along_axis_add' ? inner[1] : inner[0], by = steps(op === 'put_along_axis_add' ? shape : inner[0]), axis = more[0];
    const index = (place, k, n, whole) => { const own = steps(whole); return whole.reduce((at, _, a) => at + (a === axis ? modulo(k, n) : Math.floor(place / own[a]) % whole[a]) * by[a], 0); };
    if (op === 'take_along_axis') return ([a, k]) => Array.from({ length: size }, (_, e) => a[index(e, k[spread(inner[1], shape)[e]], inner[0][axis], shape)]);
    if (op === 'put_along_axis_add') return ([a, k]) => { const made = new Array(size).fill(0); for (let e = 0; e < a.length; e++) made[index(e, k[e], shape[axis], inner[1])] += a[e]; return made; };
    const [starts, within] = along(source, more), put = f => ([a]) => { const made = []; for (const start of starts) f(within.map(k => a[start + k])).forEach((v, k) => { made[start + within[k]] = v; }); return made; };
    if (op === 'cumsum') return put(xs => xs.map((_, k) => sum(xs.slice(0, k + 1))));
    if (op === 'argsort') return put(xs => [...xs.keys()].sort((i, j) => xs[i] - xs[j] || (xs[i] !== xs[i]) - (xs[j] !== xs[j]) || i - j));
    throw new Error(op);
  };
  const ROUND = { bool: v => +(v !== 0), float32: Math.fround, float16: Math.f16round ?? Math.fround };
  const number = v => typeof v === 'string' ? Number(v.replace('inf', 'Infinity')) : Number(v);

  return program => {
    const { nodes, upstreams, forward } = program, shapes = nodes.map(node => node[3]);
    const functions = nodes.map(node => node[0] && prepared(node, shapes));
    // The shortest digits of a float32, and Python's numbers beside it, are no float32 yet.
    const rounded = (type, xs) => /^f/.test(type) && ROUND[type] ? xs.map(ROUND[type]) : xs;
    const given = nodes.map(([op, , more, , type]) => op ? null : rounded(type, more.map(number)));
    const operandsOf = nodes.map(([, operands, , , type]) => operands.map(x => Array.isArray(x) ? rounded(type, x.map(number)) : x));
    // All values; `dropped` are taken for 0, and `nudged` is a node, an element, and what is added to it.
    const run = (leaves, dropped = new Set(), end = nodes.length, nudged = null) => {
      const made = [];
      for (let k = 0; k < end; k++) {
        const type = nodes[k][4], round = nudged ? null : /int/.test(type) ? Math.trunc : ROUND[type];
        let value = functions[k] ? functions[k](operandsOf[k].map(x => typeof x === 'number' ? made[x] : x)) : leaves[k];
        if (round) value = value.map(round);
        if (dropped.has(k)) value = value.map(() => 0);
        if (nudged && nudged[0] === k) { value = Array.from(value); value[nudged[1]] += nudged[2]; }
        made.push(value);
      }
      return made;
    };
    const loss = (values, leaves) => sum(upstreams.flatMap(([y, g]) => Array.from(values[y], (v, k) => v * leaves[g][k])));
    const slope = (leaves, node, element, at) => { // (L(x + h) − L(x − h)) / 2h, for one element of a value
      const h = 1e-5 * Math.max(1, Math.abs(at)), after = sign => loss(run(leaves, new Set(), forward, [node, element, sign * h]), leaves);
      return (after(1) - after(-1)) / (2 * h);
    };
    // By operand, the places that each element of a result was made of; an op of values alone has none.
    const plans = [];
    const sources = (node, element) => {
      const [op, operands, more, shape] = nodes[node], what = kind(op);
      if (!op || !PLANS[what]) return [];
      plans[node] ??= PLANS[what](shapesOf(operands, shapes), shape, more);
      return plans[node][element].filter(([i]) => !Array.isArray(operands[i])).map(([i, place]) => [operands[i], place]);
    };
    // All elements that one depends on, as far as those of nodes at which to stop.
    const behind = (node, element, stop = () => false) => {
      const found = new Map(), queue = [[node, element]];
      for (let q = 0; q < queue.length && q < 50000; q++) {
        for (const [k, place] of sources(...queue[q])) {
          const places = found.get(k) ?? found.set(k, new Set()).get(k);
          if (places.has(place)) continue;
          places.add(place);
          if (!stop(k)) queue.push([k, place]);
        }
      }
      return found;
    };
    const constant = (node, operand, value) => { operandsOf[node][operand] = [value]; };
    const swap = node => { // a mean becomes a sum, and a sum a mean
      nodes[node][0] = nodes[node][0] === 'mean' ? 'sum' : 'mean';
      functions[node] = prepared(nodes[node], shapes);
    };
    return { nodes, given, ROUND, run, loss, slope, sources, behind, constant, swap };
  };
})();
