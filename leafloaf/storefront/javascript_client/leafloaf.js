/*! LeafLoaf VERSION: search and events for a shop's pages. Apache-2.0. docs/javascript-client.md */
// An element of the page with the id "leafloaf" is a global, too.
globalThis.leafloaf = globalThis.leafloaf?.configure ? globalThis.leafloaf : (() => {
  "use strict";
  const SESSION = "leafloaf:s";
  const QUEUED = "leafloaf:e:"; // one entry an event, so that no two tabs write the same one
  const EVENTS = "/api/v1/events";
  const PATIENCE = 3e4; // milliseconds, for a token and for an answer
  const BYTES = 3e4; // two requests fit into the 64 KiB that a closing page may have under way
  const page = globalThis.document;

  const options = {
    address: page ? new URL(page.currentScript?.src || location).origin : "",
    honourGpc: true,
    storage: "local",
    channel: "web",
    batchSize: 20,
    batchSeconds: 5,
    queueLimit: 1000,
    queueDays: 7,
    onerror: console.error,
  };
  const flying = new Set(); // what is in a request that was not answered yet
  let spare = {}; // instead of a storage that may not, or cannot, be used
  let full;
  let held = []; // events of somebody of whom it is not known yet who it is
  let who; // undefined: not known yet; "": nobody; else a tag of the user of the token
  let token, timer, due;
  let sending = Promise.resolve();
  let count = 0;
  let failures = 0;
  let notBefore = 0;

  const allowed = () => options.consent === true;
  const report = (error) => {
    try {
      options.onerror(error);
    } catch (thrown) {
      console.error(thrown, error);
    }
  };

  // What is kept

  const place = () => {
    try {
      return globalThis[options.storage + "Storage"];
    } catch {} // blocked
  };
  const shelf = () => (allowed() && !full && place()) || spare;
  const keep = (name, value) => {
    try {
      shelf()[name] = value;
    } catch {
      full = true;
      spare[name] = value;
    }
  };
  const drop = (name) => {
    delete shelf()[name];
  };
  const withdraw = () => {
    for (const name of Object.keys(place() || {})) if (name.startsWith("leafloaf:")) delete place()[name];
    spare = {};
    held = [];
    options.consent = false;
  };

  // Begins with the time, and with the order in which this page makes them.
  const made = () =>
    Date.now().toString(36) + (1e3 + (count++ % 9e3)) + "-" + Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");

  const session = () => {
    if (!allowed()) return;
    let [id, at, whose] = (shelf()[SESSION] || "").split(" ");
    if (!id || Date.now() - at > 18e5 || (whose && who !== undefined && whose !== who)) {
      id = made();
      whose = "";
    }
    keep(SESSION, [id, Date.now(), who || whose].join(" "));
    return id;
  };

  // Oldest first, for a name begins with its time.
  const queue = () => {
    const names = Object.keys(shelf()).filter((name) => name.startsWith(QUEUED)).sort();
    const oldest = QUEUED + (Date.now() - options.queueDays * 864e5).toString(36);
    return names.filter((name, place) => (name > oldest && place >= names.length - options.queueLimit) || drop(name));
  };
  const enqueue = (event, whose) => {
    try {
      keep(QUEUED + made(), JSON.stringify([whose, { session_id: session(), ...event }]));
    } catch (error) {
      report(error); // it cannot be written as JSON
    }
  };
  const release = (whose) => {
    for (const event of held.splice(0)) enqueue(event, whose);
  };

  // Who asks, and what is answered

  const tag = (jwt) => {
    let sum = 0;
    for (const one of JSON.parse(atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub) {
      sum = (sum * 31 + one.charCodeAt()) | 0;
    }
    return sum.toString(36);
  };
  const late = () => new Promise((_, fail) => setTimeout(fail, PATIENCE, new Error("No token came.")));
  const bearer = async () => {
    if (!options.token || !allowed()) return options.key;
    const mine = (token ??= Promise.race([(async () => options.token())(), late()]));
    try {
      const got = await mine;
      const whose = got ? tag(got) : "";
      if (mine === token) {
        who = whose;
        release(who);
        return got || options.key;
      }
    } catch (error) {
      if (mine === token) {
        token = undefined;
        throw error;
      }
    }
    return bearer(); // somebody else signed in while this one was under way
  };
  const answered = async (answer) => {
    const said = await answer.json().catch(() => ({ status: answer.status, title: answer.statusText }));
    if (answer.ok) return said;
    throw Object.assign(new Error(said.detail || said.title), {
      name: "LeafLoafError",
      status: answer.status,
      problem: said,
      retryAfter: +answer.headers.get("Retry-After") || 0,
    });
  };
  const call = async (path, { body, whose, isAgain, key, ...rest } = {}) => {
    const credential = key || (await bearer());
    if (whose && whose !== who) throw new Error("Somebody else signed in.");
    const answer = await fetch(options.address + path, {
      method: body ? "POST" : "GET",
      headers: { Authorization: "Bearer " + credential, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      ...rest,
    });
    if (answer.status !== 401 || isAgain || credential === options.key) return answered(answer);
    token = undefined;
    return call(path, { body, whose, isAgain: true, ...rest });
  };
  // What anybody may ask: when no token is to be had, the key asks, without the visit of who it might be.
  const ask = async (path, rest, asked) => {
    let key;
    try {
      await bearer(); // or the session might be that of who was signed in before
    } catch (error) {
      key = options.key;
      if (!key) throw error;
    }
    return call(path, { body: asked && { session_id: key ? undefined : session(), ...asked }, key, ...rest });
  };

  // Sending

  const next = (whose) => {
    const batch = [];
    batch.bytes = 0;
    for (const name of queue()) {
      const entry = shelf()[name];
      let of, event;
      try {
        [of, event] = JSON.parse(entry);
      } catch {
        drop(name); // it is no event
        continue;
      }
      if (of !== whose || flying.has(name)) continue;
      const bytes = batch.bytes + new TextEncoder().encode(entry).length + 40;
      if (batch.length && (bytes > BYTES || batch.length === 500)) break;
      batch.push({ name, event });
      batch.bytes = bytes;
    }
    return batch;
  };
  const refused = (faults) => faults.length && Promise.resolve(faults).then(options.onrejected);
  const post = async (batch, whose, isLeaving) => {
    const sent_at = new Date().toISOString();
    const body = { events: batch.map(({ event }) => ({ ...event, sent_at })) };
    const rest = { keepalive: batch.bytes < 6e4, signal: AbortSignal.timeout(PATIENCE), whose };
    // Nobody's events go as text with the key in the address: for that a closing page need not ask leave first.
    const address = options.address + EVENTS + "?key=" + options.key;
    const text = JSON.stringify(body);
    for (const { name } of batch) flying.add(name);
    try {
      if (isLeaving && !whose && !("keepalive" in Request.prototype)) return navigator.sendBeacon(address, text);
      const receipt = await (whose
        ? call(EVENTS, { body, ...rest })
        : fetch(address, { method: "POST", body: text, credentials: "omit", ...rest }).then(answered));
      failures = notBefore = 0;
      refused(receipt.rejected.map((fault) => ({ ...fault, event: batch[fault.index].event })));
    } catch (error) {
      // Without a code it is not LeafLoaf that refuses, but something on the way there.
      if (!error?.problem?.code || ![400, 413, 415, 422].includes(error.status)) throw error;
      refused(batch.map(({ event }, index) => ({ index, event, event_id: event.event_id, errors: [error.problem] })));
    } finally {
      for (const { name } of batch) flying.delete(name);
    }
    for (const { name } of batch) drop(name);
  };
  const failed = (error) => {
    const { status, retryAfter } = Object(error); // a shop's own may be undefined
    const wait = Math.max(Math.min(+retryAfter || 0, 86400), Math.min(300, 2 ** failures++) * (0.5 + Math.random() * 0.5));
    notBefore = Date.now() + wait * 1e3;
    schedule(0);
    if (status < 500 && status !== 429) report(error);
  };
  const senders = () => new Set([options.key ? "" : who, who]);
  const drain = async () => {
    try {
      for (const whose of senders()) {
        for (let batch; (batch = next(whose)).length; ) await post(batch, whose);
      }
    } catch (error) {
      failed(error);
    }
  };
  const flush = () => {
    clearTimeout(timer);
    timer = 0;
    // One tab at a time, where the browser can: the others then find the queue empty.
    const turn = async () => {
      if (!allowed()) return;
      if (Date.now() < notBefore) return schedule(0);
      await bearer(); // before it is this tab's turn: the others need not wait for a token of this one
      await (navigator.locks ? navigator.locks.request(QUEUED, drain).catch(drain) : drain());
    };
    return (sending = sending.then(turn).catch(failed));
  };
  const schedule = (seconds) => {
    const at = Math.max(Date.now() + seconds * 1e3, notBefore);
    if (timer && due <= at) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(flush, at - Date.now());
  };
  const leave = () => {
    release("");
    if (!allowed() || Date.now() < notBefore) return;
    for (const whose of senders()) {
      const batch = next(whose);
      if (batch.length) post(batch, whose, true).catch(failed);
    }
  };

  // What pages call

  const configure = (given = {}) => {
    const isAnother = "token" in given || !allowed();
    if (isAnother && held.length) {
      release(""); // whose these are is not to be known any more
      keep(SESSION, ""); // and another visit begins
    }
    Object.assign(options, given);
    if (isAnother) {
      token = undefined;
      who = options.token ? undefined : "";
    }
    if (options.honourGpc && navigator.globalPrivacyControl) options.consent = false;
    if (options.consent === false) withdraw();
    if (!allowed()) return;
    bearer().catch(failed);
    if (queue().length) schedule(1);
  };
  const track = (event) => {
    if (!allowed()) return;
    const whole = { event_id: made(), timestamp: new Date().toISOString(), channel: options.channel, ...event };
    if (who === undefined) held.push(whole);
    else enqueue(whole, who);
    schedule(queue().length + held.length < options.batchSize ? options.batchSeconds : 0);
    return whole.event_id;
  };
  const does = (interaction_type) => (product_id, more) => track({ event_type: "interaction", interaction_type, product_id, ...more });
  const puts = (action) => (product_id, quantity = 1, more) => track({ event_type: "cart", action, product_id, quantity, ...more });

  if (page) {
    addEventListener("pagehide", leave);
    page.addEventListener("visibilitychange", () => page.hidden && leave());
    addEventListener("online", () => {
      notBefore = 0;
      flush();
    });
    // Withdrawn in another tab
    addEventListener("storage", ({ key, newValue }) => key === SESSION && newValue === null && withdraw());
  }
  return {
    configure,
    session,
    call,
    track,
    flush,
    consent: (consent) => configure({ consent }),
    search: async (asked, rest) => ask("/api/v1/search", rest, asked.trim ? { query: asked } : asked),
    suggest: (text, rest) => ask("/api/v1/suggest?q=" + encodeURIComponent(text), rest),
    searched: (query, more) => track({ event_type: "search", query, ...more }),
    viewed: does("product_view"),
    clicked: does("product_click"),
    listed: does("add_to_list"),
    rated: (product_id, rating, more) => does("rating")(product_id, { rating, ...more }),
    added: puts("add"),
    removed: puts("remove"),
    updated: puts("update"),
    ordered: (order_id, items, total_value, more) => track({ event_type: "order", order_id, items, total_value, ...more }),
    shown: (surface, product_ids, more) => track({ event_type: "recommendation_impression", surface, product_ids, ...more }),
  };
})();
