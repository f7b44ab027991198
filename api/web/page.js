// What the page does beyond what its forms and links do without a script: it fetches
// itself anew every second and changes what has changed, shows passwords, says what is
// not saved yet, and waits for a restart.
'use strict';
(() => {
  const background = { 'Smartconnect-Background': '1' };
  const ask = (path, headers = background) => fetch(path, { cache: 'no-store', headers, signal: AbortSignal.timeout(5000) });
  const lost = document.getElementById('lost');
  const ended = document.getElementById('ended');
  const waiting = document.getElementById('restarting');
  const every = document.getElementById('now') ? 1000 : 10000; // the status, or a form
  const unsaved = () => document.querySelector('form.dirty:not(.sent)');
  let answered = new Date();
  let typing = false; // since the page was last fetched

  // become makes a node like a fresh one and touches nothing else, so that whoever has the
  // focus, has selected a text or is read to is not disturbed. What has a name is known by it.
  function become(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    let at = old.firstChild;
    const skip = () => {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    };
    for (const child of [...fresh.childNodes]) {
      const known = child.id && [...old.children].find((one) => one.id === child.id);
      while (known && at && at !== known) skip();
      if (at && at.nodeName === child.nodeName && (at.id || '') === (child.id || '')) {
        const next = at.nextSibling;
        become(at, child);
        at = next;
      } else {
        old.insertBefore(child, at);
      }
    }
    while (at) skip();
  }

  // A page that gets no answer says so: old values must not look alive. Who types is
  // there, and who has typed is not led away from it where the session ends.
  async function refresh() {
    const headers = typing ? {} : background;
    typing = false;
    try {
      const answer = await ask(document.body.dataset.path, headers);
      if (answer.redirected && !unsaved()) return location.assign(answer.url);
      if (!answer.ok) throw new Error(answer.statusText);
      ended.hidden = !answer.redirected;
      if (!answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        for (const old of document.querySelectorAll('[data-live]')) become(old, page.getElementById(old.id));
      }
      answered = new Date();
      lost.hidden = true;
      document.body.classList.remove('old');
    } catch {
      if (lost.hidden) { // said once: it is read aloud
        lost.textContent = lost.dataset.lost.replace('%s', answered.toLocaleTimeString(document.documentElement.lang));
        lost.hidden = false;
        document.body.classList.add('old');
      }
    }
    setTimeout(refresh, document.hidden ? 10000 : every);
  }

  // The next life has been up for less time than we have waited for it.
  async function comeBack(since) {
    const waited = (Date.now() - since) / 1000;
    try {
      const answer = await ask('/api/v1/status');
      if (answer.status === 401) return location.assign('/login');
      if (answer.ok && (await answer.json()).uptime_seconds <= waited) return location.replace('/');
    } catch {
      // not yet
    }
    const late = document.getElementById('late');
    if (waited > 20 && !late.textContent) late.textContent = waiting.dataset.late;
    setTimeout(() => comeBack(since), 500);
  }

  for (const input of document.querySelectorAll('input[data-show]')) {
    const button = document.createElement('button');
    const show = (shown) => {
      input.type = shown ? 'text' : 'password';
      button.textContent = shown ? input.dataset.hide : input.dataset.show;
      button.setAttribute('aria-label', `${button.textContent}: ${input.labels[0].innerText}`);
    };
    button.type = 'button';
    button.className = 'link';
    button.setAttribute('aria-controls', input.id);
    button.addEventListener('click', () => show(input.type === 'password'));
    input.after(button);
    show(false);
  }

  for (const form of document.querySelectorAll('form[data-unsaved]')) {
    form.addEventListener('input', () => {
      typing = true;
      if (form.classList.contains('dirty')) return;
      form.classList.add('dirty');
      form.querySelector('.unsaved').textContent = form.dataset.unsaved;
    });
  }
  for (const form of document.querySelectorAll('form[method=post]')) {
    form.addEventListener('submit', (e) => { // a double click is one
      if (form.classList.contains('sent')) return e.preventDefault();
      form.classList.add('sent');
      setTimeout(() => form.classList.remove('sent'), 5000);
    });
  }
  addEventListener('beforeunload', (e) => { if (unsaved()) e.preventDefault(); });

  if (waiting) setTimeout(() => comeBack(Date.now() - 1500), 1500);
  else if (document.querySelector('[data-live]')) setTimeout(refresh, every);
})();
