// What the page does beyond what its forms and links do without a script: it fetches
// itself anew every second and puts in place what has changed, shows passwords,
// says what is not saved yet, and waits for a restart.
'use strict';
(() => {
  const background = { cache: 'no-store', headers: { 'Smartconnect-Background': '1' } };
  const ask = (path) => fetch(path, { ...background, signal: AbortSignal.timeout(5000) });
  const lost = document.getElementById('lost');
  const waiting = document.getElementById('restarting');
  const pieces = (page) => [...page.querySelectorAll('[data-live]')].map((piece) => piece.id).join();
  const every = document.getElementById('now') ? 1000 : 10000; // the status, or a form
  let answered = Date.now();
  let dirty = false;

  // A page that gets no answer says so: old values must not look alive.
  async function refresh() {
    try {
      const answer = await ask(document.body.dataset.path);
      if (answer.redirected) { // logged out; what is typed is not to be lost by it
        if (!dirty) location.assign(answer.url);
        return;
      }
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (pieces(page) !== pieces(document)) { // a piece has come or gone
        document.querySelector('main').replaceWith(page.querySelector('main'));
      }
      for (const old of document.querySelectorAll('[data-live]')) {
        const fresh = page.getElementById(old.id);
        if (!fresh || fresh.isEqualNode(old) || old.contains(document.activeElement)) continue;
        old.className = fresh.className;
        old.hidden = fresh.hidden;
        old.innerHTML = fresh.innerHTML;
      }
      answered = Date.now();
      lost.hidden = true;
      document.body.classList.remove('old');
    } catch {
      lost.textContent = lost.dataset.lost.replace('%d', Math.round((Date.now() - answered) / 1000));
      lost.hidden = false;
      document.body.classList.add('old');
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
    if (waited > 20) document.getElementById('late').textContent = waiting.dataset.late;
    setTimeout(() => comeBack(since), 500);
  }

  for (const input of document.querySelectorAll('input[data-show]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'link';
    button.textContent = input.dataset.show;
    button.setAttribute('aria-controls', input.id);
    button.addEventListener('click', () => {
      const shown = input.type === 'text';
      input.type = shown ? 'password' : 'text';
      button.textContent = shown ? input.dataset.show : input.dataset.hide;
    });
    input.after(button);
  }

  for (const form of document.querySelectorAll('form[data-unsaved]')) {
    form.addEventListener('input', () => {
      dirty = true;
      form.classList.add('dirty');
      form.querySelector('.unsaved').textContent = form.dataset.unsaved;
    });
    form.addEventListener('submit', () => { dirty = false; });
  }
  addEventListener('beforeunload', (e) => { if (dirty) e.preventDefault(); });

  if (waiting) setTimeout(() => comeBack(Date.now() - 1500), 1500);
  else if (document.querySelector('[data-live]')) setTimeout(refresh, every);
})();
